/** The look of the report. Colours are those of Okabe and Ito, which most people can tell apart, lighter on dark. */

export const style = `
:root { color-scheme: light dark; --ground: #fdfdfc; --text: #1d1f21; --quiet: #63676b; --line: #d9dbdd; --faint: #eceded;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #9a5a87; --c4: #8a6d00; --c5: #444; --c6: #2f8fd0; --c7: #7a5230; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181a; --text: #e8e8e6; --quiet: #9a9ea2; --line: #3a3d40; --faint: #26292b;
  --c0: #56b4e9; --c1: #ff8b3d; --c2: #2fc79a; --c3: #dd95c4; --c4: #f0d245; --c5: #c8c8c8; --c6: #8ad0ff; --c7: #d0a57c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 1.5rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 0 0 .4rem; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1.2rem; }
p { max-width: 75em; margin: .4rem 0; } .about, small, .tick, .axis { color: var(--quiet); } .about { font-size: .85rem; }
nav a { margin-right: 1em; } a { color: var(--c0); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; margin: .4rem 0; } svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--line); } .faint { stroke: var(--faint); } .tick, .axis { fill: var(--quiet); font-size: 12px; }
polyline { fill: none; stroke-width: 1.8; } .whisker { stroke-width: 1.2; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .6rem 0; padding: 0; }
.legend i, .server i { display: inline-block; width: .75em; height: .75em; margin-right: .4em; border-radius: 2px; background: currentColor; }
${Array.from({ length: 8 }, (_, index) => `svg .c${index} { fill: var(--c${index}); stroke: var(--c${index}); } .c${index} i { color: var(--c${index}); }`).join('\n')}
svg rect + .whisker { stroke: var(--text); }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .6rem 0; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--faint); vertical-align: top; white-space: nowrap; }
thead th { white-space: normal; min-width: 5.5em; vertical-align: bottom; } tbody th, thead th:first-child, .server, dt { text-align: left; font-weight: 500; }
tbody tr:hover { background: var(--faint); } summary { cursor: pointer; margin: .8rem 0 .2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dd { margin: 0; }
`;
