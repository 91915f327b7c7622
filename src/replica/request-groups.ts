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

/** Nodes to ask, best first. The same nodes in the same order are the same object, as long as the view holds. */
export interface Route {
  readonly nodes: readonly NodeId[];
  /** Those of them that own the key; the others stand in for owners that are down. */
  readonly owners: readonly NodeId[];
  /** Whether these are all owners: nobody is down. */
  readonly isWhole: boolean;
}

export class RequestRoutes {
  readonly #coordination: Coordination;
  #view = '';
  #routes: Route[] = [];
  #byNodes = new Map<string, Route>();

  constructor(coordination: Coordination) {
    this.#coordination = coordination;
  }

  /** Looks who is up and how quick; to be called before the keys of one turn are routed. */
  look(): void {
    const { config, isUp, suspicion } = this.#coordination;
    let view = '';
    for (const { id } of config.members) view += isUp(id) ? String(suspicion.rank(id)) : '-';
    if (view === this.#view) return;
    this.#view = view;
    this.#routes = [];
    this.#byNodes = new Map();
  }

  /** Whom a key is asked of (routing.ts has the rules). Among the first N are all owners that are up. */
  routeOf(token: Token): Route {
    const partition = partitionOf(token, this.#coordination.placement.partitions);
    return (this.#routes[partition] ??= this.#plan(partition));
  }

  #plan(partition: number): Route {
    const { config, placement, isUp, suspicion } = this.#coordination;
    const owners = placement.owners(partition);
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
      route = { nodes, owners: ownersUp, isWhole: ownersUp.length === owners.length };
      this.#byNodes.set(name, route);
    }
    return route;
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
