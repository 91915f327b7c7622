/**
 * Which of many keys go to the same nodes, and so into the same messages.
 *
 * Where a key's requests go depends on its partition and on who is up and quick. While that does not change, which is nearly
 * always, a partition's route is looked up, not planned again.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { partitionOf, type Token } from '../core/token.ts';
import type { Coordination } from './coordination.ts';
import { planRead } from './routing.ts';

/** Whom to ask for some partitions. The same nodes are the same object, as long as the view holds. */
export interface Route {
  /** Nodes to ask, best first. Reads that go together take the orders in turn: in each another of equals comes first. */
  readonly orders: readonly (readonly NodeId[])[];
  /** The order that was taken last. */
  turn: number;
  /** Those of the nodes that own the key; the others stand in for owners that are down. */
  readonly owners: readonly NodeId[];
  /** Whether these are all owners: nobody is down. */
  readonly isWhole: boolean;
}

/** What routes depend on. */
export type RouteView = Pick<Coordination, 'placement' | 'isUp'> & {
  readonly config: Pick<Coordination['config'], 'id' | 'members'>;
  readonly suspicion: Pick<Coordination['suspicion'], 'rank' | 'anyDemoted'>;
};

export class RequestRoutes {
  readonly #seen: RouteView;
  readonly #members: readonly NodeId[];
  #view = '';
  #routes: Route[] = [];
  #byNodes = new Map<string, Route>();

  constructor(seen: RouteView) {
    this.#seen = seen;
    this.#members = seen.config.members.map(({ id }) => id);
  }

  /** Looks who is up and how quick; to be called before the keys of one turn are routed. */
  look(): void {
    const { config, isUp, suspicion } = this.#seen;
    let view = '';
    for (const { id } of config.members) view += isUp(id) ? String(suspicion.rank(id)) : '-';
    if (view === this.#view) return;
    this.#view = view;
    this.#routes = [];
    this.#byNodes = new Map();
  }

  /** Whom a key is asked of (routing.ts has the rules). Among the first N are all owners that are up. */
  routeOf(token: Token): Route {
    const partition = partitionOf(token, this.#seen.placement.partitions);
    return (this.#routes[partition] ??= this.#plan(partition));
  }

  /** The order in which the next reads together ask. */
  takeOrder(route: Route): readonly NodeId[] {
    route.turn = (route.turn + 1) % route.orders.length;
    return route.orders[route.turn] ?? route.owners;
  }

  /**
   * Owners are taken in the order of members, not of the partition's preference: that would keep apart, in two messages to
   * each node, what one message can carry.
   */
  #plan(partition: number): Route {
    const { config, placement, isUp, suspicion } = this.#seen;
    const preferred = placement.owners(partition);
    const owners = this.#members.filter((member) => preferred.includes(member));
    const nodes = planRead({
      preference: { owners, fallbacks: placement.fallbacks(partition) },
      coordinator: config.id,
      isUp,
      rank: suspicion.anyDemoted ? (node) => suspicion.rank(node) : undefined,
    });
    const ownersUp = nodes.filter((node) => owners.includes(node));
    const name = `${nodes.join(' ')}/${ownersUp.join(' ')}`;
    let route = this.#byNodes.get(name);
    if (route === undefined) {
      const orders = this.#orders(nodes, ownersUp);
      route = { orders, turn: 0, owners: ownersUp, isWhole: ownersUp.length === owners.length };
      this.#byNodes.set(name, route);
    }
    return route;
  }

  /** This node itself stays first; of the other owners those that answer equally well take turns. */
  #orders(nodes: readonly NodeId[], owners: readonly NodeId[]): (readonly NodeId[])[] {
    const { config, suspicion } = this.#seen;
    const from = nodes[0] === config.id ? 1 : 0;
    const [best] = nodes.slice(from);
    if (best === undefined) return [nodes];
    const isAsGood = (node: NodeId): boolean =>
      owners.includes(node) && suspicion.rank(node) === suspicion.rank(best);
    let to = from;
    for (const node of nodes.slice(from)) {
      if (!isAsGood(node)) break;
      to++;
    }
    const equals = nodes.slice(from, to);
    if (equals.length < 2) return [nodes];
    return equals.map((_, turn) => [
      ...nodes.slice(0, from),
      ...equals.slice(turn),
      ...equals.slice(0, turn),
      ...nodes.slice(to),
    ]);
  }
}

/** Sorts items by their route, and cuts the groups to what one message takes. */
export class RequestGroups<Item> {
  readonly #open = new Map<Route, { items: Item[]; bytes: number }>();
  readonly #onGroup: (route: Route, items: readonly Item[]) => void;

  /** `onGroup` gets each group once, when it is full or all items are there. */
  constructor(onGroup: (route: Route, items: readonly Item[]) => void) {
    this.#onGroup = onGroup;
  }

  add(route: Route, item: Item, bytes: number): void {
    let group = this.#open.get(route);
    if (
      group !== undefined &&
      (group.items.length >= limits.keysAtOnceMax || group.bytes + bytes > limits.keysAtOnceBytesMax)
    ) {
      this.#onGroup(route, group.items);
      group = undefined;
    }
    if (group === undefined) {
      group = { items: [], bytes: 0 };
      this.#open.set(route, group);
    }
    group.items.push(item);
    group.bytes += bytes;
  }

  /** Hands out what is left. */
  finish(): void {
    for (const [route, { items }] of this.#open) this.#onGroup(route, items);
    this.#open.clear();
  }
}
