/**
 * What the dashboard asks Prometheus. `$lane` and `$model` are its variables. Figures that every process tells alike are
 * taken once, by `max` or `min`; what each process counts for itself is added up.
 */

/** @typedef {readonly [expr: string, legend: string]} Query */

const PER = '[$__rate_interval]';

/** @param {string} metric @param {string} by */
export const most = (metric, by) => `max by (${by}) (${metric})`;

/** @param {string} metric @param {string} by */
export const perSecond = (metric, by) => `sum by (${by}) (rate(${metric}${PER}))`;

/**
 * Of a histogram, over all processes.
 *
 * @param {number} part such as 0.95
 * @param {string} metric without `_bucket`
 * @param {string} selector such as `{lane=~"$lane"}`
 * @param {string} [by]
 */
export function quantile(part, metric, selector = '', by = '') {
  const labels = ['le', ...(by === '' ? [] : [by])].join(', ');
  return `histogram_quantile(${part}, sum by (${labels}) (rate(${metric}_bucket${selector}${PER})))`;
}

/**
 * The median and what few exceed.
 *
 * @param {string} metric
 * @param {string} [selector]
 * @returns {Query[]}
 */
export function spread(metric, selector = '') {
  return [0.5, 0.95, 0.99].map((part) => [quantile(part, metric, selector), `p${part * 100}`]);
}
