import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { sampleResults } from '../sample-results.ts';
import { chartHtml } from './chart.ts';
import { linearScale, logScale, stepScale } from './scale.ts';
import { outsideReferences, reportHtml } from './write-report.ts';

const html = reportHtml(sampleResults);

test('the report refers to nothing outside of itself', () => {
  assert.deepEqual(outsideReferences(html), []);
});

for (const planted of [
  '<script>1</script>',
  '<img src="x.png">',
  '<link rel="stylesheet" href="x.css">',
  '<a href="https://example.org/">x</a>',
  '<style>@import "x.css"</style>',
  '<p style="background: url(x.png)">',
]) {
  test(`${planted} in a report would be noticed`, () => {
    assert.equal(outsideReferences(html.replace('</body>', `${planted}</body>`)).length, 1);
  });
}

test('every link within the report leads somewhere', () => {
  const ids = new Set(Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id]) => id));
  const links = Array.from(html.matchAll(/ href="#([^"]+)"/g), ([, id]) => id);
  assert.ok(links.length > 0);
  assert.deepEqual(
    links.filter((id) => !ids.has(id)),
    [],
  );
});

test('names from outside cannot become markup', () => {
  assert.ok(html.includes('a &lt;fast&gt; processor'));
  assert.ok(!html.includes('<fast>'));
});

test('the report shows medians with the least and the greatest, and ratios round by round', () => {
  assert.ok(html.includes('2,000 <small>(1,000 to 3,000)</small>'));
  // 1,000 by 500 and 3,000 by 1,000: the ratio of the medians would be 2.67.
  assert.ok(html.includes('2.5 <small>(2 to 3)</small>'));
});

test('a figure that is not known leaves its column out', () => {
  assert.ok(html.includes('bytes to disk'));
  assert.ok(!html.includes('bytes between nodes</th>'));
});

const positive = fc.double({ min: 1e-3, max: 1e9, noNaN: true });

test('every value has its place between both ends of the axis, in its order', () => {
  for (const scaleOf of [linearScale, logScale, stepScale]) {
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 20 }), (values) => {
        const scale = scaleOf(values);
        const places = values.toSorted((left, right) => left - right).map((value) => scale.position(value));
        for (const place of places) assert.ok(place >= 0 && place <= 1 + 1e-9, `${scaleOf.name}: ${place}`);
        assert.deepEqual(
          places,
          places.toSorted((left, right) => left - right),
        );
        assert.ok(scale.ticks.some(({ isNamed }) => isNamed));
      }),
    );
  }
});

test('a mark has a whisker from the least to the greatest and says its figures', () => {
  const chart = chartHtml({
    title: 'some & other',
    xTitle: 'x',
    xKind: 'steps',
    xText: String,
    yKind: 'linear',
    mark: 'line',
    series: [{ colour: 0, name: 'one', points: [{ x: 1, y: { min: 50, median: 75, max: 100, count: 3 } }] }],
  });
  assert.ok(chart.includes('some &amp; other'));
  assert.ok(chart.includes('<title>one, 1: 75 (50 to 100)</title>'));
  const [, from, to] = /class="whisker" x1="[^"]+" x2="[^"]+" y1="([^"]+)" y2="([^"]+)"/.exec(chart) ?? [];
  assert.ok(Number(from) > Number(to), 'the least lies below the greatest');
});
