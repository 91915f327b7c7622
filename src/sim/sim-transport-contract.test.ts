import {
  contractLog,
  testTransportContract,
  type RestartedLife,
  type TransportMember,
  type WithTransports,
} from '../ports/transport-contract.ts';
import { testTransportLives } from '../ports/transport-contract-lives.ts';
import { RecordingAdmission } from '../ports/transport-contract-admission.ts';
import type { NodeId } from '../core/config.ts';
import type { Transport } from '../ports/transport.ts';
import { inMacrotask } from './drain.ts';
import { ProcessScope } from './process-scope.ts';
import { SimNetwork } from './sim-network.ts';
import { simulate, type World } from './simulation.ts';

class SimMember implements TransportMember {
  readonly id: NodeId;
  incarnation = 1;
  life = 1;
  log = contractLog;
  readonly admission = new RecordingAdmission();
  transport: Transport;
  readonly #world: World;
  readonly #network: SimNetwork;

  constructor(id: NodeId, world: World, network: SimNetwork) {
    this.id = id;
    this.#world = world;
    this.#network = network;
    this.transport = this.#nextLife();
  }

  async restart(next: RestartedLife = { incarnation: this.incarnation + 1, life: this.life }): Promise<void> {
    await this.transport.stop();
    this.incarnation = next.incarnation;
    this.life = next.life;
    this.log = next.log ?? this.log;
    this.admission.refusals.length = 0;
    this.transport = this.#nextLife();
  }

  #nextLife(): Transport {
    const { id, incarnation, life, log, admission } = this;
    const scope = new ProcessScope(`${id}#${incarnation}`, this.#world.scheduler);
    return this.#network.attach({ self: { id, incarnation, life, log }, scope, admission });
  }
}

for (const seed of [1, 2, 3]) {
  const withTransports: WithTransports = async (ids, body) => {
    await inMacrotask(() =>
      simulate({ seed }, async (world) => {
        const random = world.random.fork('network');
        const network = new SimNetwork({ scheduler: world.scheduler, random, members: ids });
        const members = ids.map((id) => new SimMember(id, world, network));
        await body(members);
        await Promise.all(members.map((member) => member.transport.stop()));
      }),
    );
  };
  testTransportContract(`simulated network, seed ${seed}`, withTransports);
  testTransportLives(`simulated network, seed ${seed}`, withTransports);
}
