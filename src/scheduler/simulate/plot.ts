import type { Run } from './simulation.js';

export interface Plotted {
  readonly name: string;
  readonly seconds: Run['seconds'];
}

const [WIDTH, PANEL, GAP, LEFT, TOP] = [960, 150, 46, 56, 40];
type Series = { readonly label: string; readonly colour: string; readonly values: readonly number[] };

/** For each policy two panels over time: slots (busy, ready, wanted) with what waits, and how long the oldest message waits. */
export function plotOf(title: string, policies: readonly Plotted[]): string {
  const panels = policies.flatMap(({ name, seconds }) => [
    {
      title: `${name}: slots, and messages that wait`,
      series: [
        { label: 'waiting', colour: '#d55e00', values: seconds.map(({ waiting }) => waiting) },
        { label: 'busy', colour: '#999999', values: seconds.map(({ running }) => running) },
        { label: 'ready', colour: '#0072b2', values: seconds.map(({ readySlots }) => readySlots) },
        { label: 'wanted', colour: '#009e73', values: seconds.map(({ wantedSlots }) => wantedSlots) },
      ],
    },
    {
      title: `${name}: wait of the oldest message, in seconds`,
      series: [{ label: 'wait', colour: '#d55e00', values: seconds.map(({ oldestMs }) => oldestMs / 1000) }],
    },
  ]);
  const height = TOP + panels.length * (PANEL + GAP);
  const minutes = (policies[0]?.seconds.length ?? 0) / 60;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH + 2 * LEFT} ${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${LEFT}" y="20" font-size="15">${escaped(title)}</text>`,
    ...panels.map((panel, at) => panelOf(panel.title, panel.series, TOP + at * (PANEL + GAP) + 16, minutes)),
    '</svg>\n',
  ].join('\n');
}

function panelOf(title: string, series: readonly Series[], top: number, minutes: number): string {
  const highest = Math.max(1, ...series.map(({ values }) => largest(values)));
  const marks = [0, 0.5, 1].map((part) => {
    const y = top + PANEL * (1 - part);
    return `<line x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${y}" y2="${y}" stroke="#e0e0e0"/><text x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${round(highest * part)}</text>`;
  });
  const legend = series.map(
    ({ label, colour }, at) =>
      `<text x="${LEFT + WIDTH - 70 * (series.length - at)}" y="${top - 6}" fill="${colour}">${label}</text>`,
  );
  return [
    `<text x="${LEFT}" y="${top - 6}">${escaped(title)}</text>`,
    ...marks,
    ...legend,
    ...series.map(({ colour, values }) => lineOf(values, colour, top, highest)),
    `<text x="${LEFT + WIDTH}" y="${top + PANEL + 14}" text-anchor="end">${round(minutes)} min</text>`,
  ].join('\n');
}

/** As many points as there are pixels: of the seconds in one, the highest value, since peaks are what is looked for. */
function lineOf(values: readonly number[], colour: string, top: number, highest: number): string {
  const perPixel = Math.max(1, values.length / WIDTH);
  const points: string[] = [];
  for (let at = 0; at * perPixel < values.length; at += 1) {
    const value = largest(values.slice(Math.floor(at * perPixel), Math.floor((at + 1) * perPixel)));
    const x = LEFT + (at * perPixel * WIDTH) / values.length;
    points.push(
      `${points.length === 0 ? 'M' : 'L'}${round(x)} ${round(top + PANEL * (1 - value / highest))}`,
    );
  }
  return `<path d="${points.join(' ')}" fill="none" stroke="${colour}"/>`;
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
