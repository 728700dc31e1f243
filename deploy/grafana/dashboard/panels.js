import {
  BigValueColorMode,
  BigValueGraphMode,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** @typedef {import('./queries.js').Query} Query */

/** Of the dashboard's variable, so that whoever imports it chooses. */
export const DATA_SOURCE = { type: 'prometheus', uid: '$datasource' };

const HALF = 12;
const THIRD = 8;
const HEIGHT = 8;

/** @param {readonly Query[]} queries */
function targets(queries) {
  return queries.map(([expr, legend], at) =>
    new DataqueryBuilder()
      .datasource(DATA_SOURCE)
      .refId(String.fromCharCode('A'.charCodeAt(0) + at))
      .expr(expr)
      .legendFormat(legend)
      .range(),
  );
}

/**
 * Lines over time.
 *
 * @param {string} title
 * @param {{ unit: string, about: string, queries: readonly Query[], wide?: boolean, stacked?: boolean, most?: number }} panel
 */
export function lines(title, { unit, about, queries, wide = false, stacked = false, most }) {
  const builder = new TimeSeriesBuilder()
    .title(title)
    .description(about)
    .unit(unit)
    .min(0)
    .span(wide ? HALF : THIRD)
    .height(HEIGHT)
    .datasource(DATA_SOURCE)
    .fillOpacity(stacked ? 30 : 0)
    .legend(new VizLegendOptionsBuilder().showLegend(true))
    .targets(targets(queries));
  if (stacked) builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  return most === undefined ? builder : builder.max(most);
}

/**
 * One figure, as it is now.
 *
 * @param {string} title
 * @param {{ unit: string, about: string, expr: string, steps: readonly [color: string, from: number | null][] }} panel
 *   `steps`: the colour from each value on; the first from the lowest on
 */
export function figure(title, { unit, about, expr, steps }) {
  const thresholds = new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(([color, value]) => ({ color, value })));
  return new StatBuilder()
    .title(title)
    .description(about)
    .unit(unit)
    .span(4)
    .height(4)
    .datasource(DATA_SOURCE)
    .thresholds(thresholds)
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .targets(targets([[expr, '']]));
}
