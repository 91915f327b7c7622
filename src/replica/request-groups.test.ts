/** Which requests share a message, and whom reads ask first. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { computePlacement } from '../core/placement.ts';
import { tokenOf, type Token } from '../core/token.ts';
import type { PeerRank } from './peer-suspicion.ts';
import { RequestRoutes, type Route } from './request-groups.ts';

const encoder = new TextEncoder();
const tokens: readonly Token[] = Array.from({ length: 2_000 }, (_, index) =>
  tokenOf(encoder.encode(`key-${index}`)),
);

function nodeId(number: number): NodeId {
  return `n${number}` as NodeId;
}

/** Routes as the first of some nodes plans them; who is up, and how quick, may change afterwards. */
function routesOf(nodes: number): {
  readonly routes: RequestRoutes;
  readonly down: Set<NodeId>;
  readonly ranks: Map<NodeId, PeerRank>;
} {
  const members = Array.from({ length: nodes }, (_, index) => ({
    id: nodeId(index + 1),
    weight: 1,
    zone: `z${index}`,
  }));
  const placement = computePlacement({ members, partitions: 256, replicas: 3, epoch: 1 });
  const down = new Set<NodeId>();
  const ranks = new Map<NodeId, PeerRank>();
  const routes = new RequestRoutes({
    config: { id: nodeId(1), members },
    placement,
    isUp: (node) => !down.has(node),
    suspicion: {
      rank: (node) => ranks.get(node) ?? 0,
      get anyDemoted() {
        return ranks.size > 0;
      },
    },
  });
  return { routes, down, ranks };
}

function allRoutes(routes: RequestRoutes): Route[] {
  routes.look();
  return [...new Set(tokens.map((token) => routes.routeOf(token)))];
}

test('keys with the same owners share a route, whichever of them their partitions prefer', () => {
  assert.equal(allRoutes(routesOf(3).routes).length, 1);
  // Three of five, and every choice occurs.
  assert.equal(allRoutes(routesOf(5).routes).length, 10);
});

test('this node reads from itself first, and the other owners take turns', () => {
  const { routes } = routesOf(3);
  const [route] = allRoutes(routes);
  assert.ok(route?.isWhole);
  const orders = [1, 2, 3, 4].map(() => routes.takeOrder(route).join(' '));
  assert.deepEqual(orders.slice(0, 2).toSorted(), ['n1 n2 n3', 'n1 n3 n2']);
  assert.deepEqual(orders.slice(2), orders.slice(0, 2));
});

test('where this node owns nothing every owner comes first in one of the orders', () => {
  const foreign = allRoutes(routesOf(5).routes).filter(({ owners }) => !owners.includes(nodeId(1)));
  assert.equal(foreign.length, 4);
  for (const { orders, owners } of foreign) {
    assert.deepEqual(orders.flatMap((order) => order.slice(0, 1)).toSorted(), owners.toSorted());
    for (const order of orders) assert.deepEqual(order.toSorted(), owners.toSorted());
  }
});

test('a slow owner is asked last, and takes no turn', () => {
  const { routes, ranks } = routesOf(3);
  ranks.set(nodeId(2), 1);
  assert.deepEqual(
    allRoutes(routes).map(({ orders }) => orders),
    [[['n1', 'n3', 'n2']]],
  );
});

test('who stands in for an owner that is down comes after the owners', () => {
  const { routes, down } = routesOf(5);
  down.add(nodeId(2));
  for (const { orders, owners, isWhole } of allRoutes(routes)) {
    assert.equal(isWhole, owners.length === 3);
    for (const order of orders) {
      assert.equal(order.length, 3);
      assert.deepEqual(order.slice(0, owners.length).toSorted(), owners.toSorted());
    }
  }
});
