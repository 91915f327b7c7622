import { testTransportContract, type TransportMember } from '../ports/transport-contract.ts';
import type { NodeId } from '../core/config.ts';
import type { Transport } from '../ports/transport.ts';
import { inMacrotask } from './drain.ts';
import { ProcessScope } from './process-scope.ts';
import { SimNetwork } from './sim-network.ts';
import { simulate, type World } from './simulation.ts';

class SimMember implements TransportMember {
  readonly id: NodeId;
  incarnation = 1;
  transport: Transport;
  readonly #world: World;
  readonly #network: SimNetwork;

  constructor(id: NodeId, world: World, network: SimNetwork) {
    this.id = id;
    this.#world = world;
    this.#network = network;
    this.transport = this.#nextLife();
  }

  async restart(): Promise<void> {
    await this.transport.stop();
    this.incarnation += 1;
    this.transport = this.#nextLife();
  }

  #nextLife(): Transport {
    const { id, incarnation } = this;
    const scope = new ProcessScope(`${id}#${incarnation}`, this.#world.scheduler);
    return this.#network.attach({ id, incarnation, scope });
  }
}

for (const seed of [1, 2, 3]) {
  testTransportContract(`simulated network, seed ${seed}`, async (ids, body) => {
    await inMacrotask(() =>
      simulate({ seed }, async (world) => {
        const random = world.random.fork('network');
        const network = new SimNetwork({ scheduler: world.scheduler, random, members: ids });
        const members = ids.map((id) => new SimMember(id, world, network));
        await body(members);
        await Promise.all(members.map((member) => member.transport.stop()));
      }),
    );
  });
}
