import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATA_SOURCE, figure, lines } from './panels.js';
import { most, perSecond, quantile, spread } from './queries.js';

const OF_LANE = '{lane=~"$lane"}';
const OF_MODEL = '{model=~"$model"}';
const OF_BOTH = '{lane=~"$lane", model=~"$model"}';

/** @typedef {ReturnType<typeof figure> | ReturnType<typeof lines>} Panel */
/** @type {readonly (readonly [title: string, panels: readonly Panel[]])[]} */
const ROWS = [
  [
    'Now',
    [
      figure('Log', {
        unit: 'bool_yes_no',
        about: 'Whether the log stores and has room for new messages.',
        expr: 'min(llmq_log_open)',
        steps: [
          ['red', null],
          ['green', 1],
        ],
      }),
      figure('Waiting', {
        unit: 'short',
        about: 'Messages in the lanes that no worker has taken.',
        expr: 'sum(max by (lane) (llmq_lane_waiting))',
        steps: [['green', null]],
      }),
      figure('Oldest', {
        unit: 's',
        about: 'How long the message that waits longest has been in its lane.',
        expr: 'max(llmq_lane_oldest_age_seconds)',
        steps: [
          ['green', null],
          ['orange', 120],
          ['red', 600],
        ],
      }),
      figure('Slots in use', {
        unit: 'percentunit',
        about: 'Calls under way, of the most that all workers make at once.',
        expr: 'sum(max by (lane) (llmq_lane_running)) / max(llmq_lane_capacity)',
        steps: [['green', null]],
      }),
      figure('Endpoints that serve', {
        unit: 'percentunit',
        about: 'Of the models at endpoints, those that are healthy or degraded.',
        expr: 'sum(max by (endpoint, model, state) (llmq_endpoint_state{state=~"healthy|degraded"})) / count(max by (endpoint, model) (llmq_endpoint_share))',
        steps: [
          ['red', null],
          ['orange', 0.5],
          ['green', 1],
        ],
      }),
      figure('Dead letters', {
        unit: 'short',
        about: 'Messages that failed for good, and that nobody has put back or removed.',
        expr: 'sum(max by (lane) (llmq_lane_dead_letters))',
        steps: [
          ['green', null],
          ['orange', 1],
        ],
      }),
    ],
  ],
  [
    'Lanes',
    [
      lines('Waiting', {
        unit: 'short',
        about: 'Messages in the lane that no worker has taken.',
        queries: [[most(`llmq_lane_waiting${OF_LANE}`, 'lane'), '{{lane}}']],
      }),
      lines('Age of the oldest', {
        unit: 's',
        about: 'Told by the process that writes the tables.',
        queries: [[most(`llmq_lane_oldest_age_seconds${OF_LANE}`, 'lane'), '{{lane}}']],
      }),
      lines('Leaving', {
        unit: 'ops',
        about: 'Messages per second that left the lane.',
        queries: [[most(`llmq_lane_drain_rate${OF_LANE}`, 'lane'), '{{lane}}']],
      }),
      lines('Wait for the first call, 95 of 100', {
        unit: 's',
        about: 'From a message in its lane to its first call: 95 of 100 wait for less.',
        queries: [[quantile(0.95, 'llmq_message_wait_seconds', OF_BOTH, 'lane'), '{{lane}}']],
      }),
      lines('Calls under way', {
        unit: 'short',
        about: 'In all processes, and the most at once.',
        stacked: true,
        queries: [[most(`llmq_lane_running${OF_LANE}`, 'lane'), '{{lane}}']],
      }),
      lines('Not in the lane', {
        unit: 'short',
        about: 'Messages whose time has not come, turns that wait for an earlier one, and dead letters.',
        queries: [
          [`sum(max by (lane) (llmq_lane_scheduled${OF_LANE}))`, 'scheduled'],
          [`sum(max by (lane) (llmq_lane_held_turns${OF_LANE}))`, 'held turns'],
          [`sum(max by (lane) (llmq_lane_dead_letters${OF_LANE}))`, 'dead letters'],
        ],
      }),
    ],
  ],
  [
    'Messages',
    [
      lines('Ended', {
        unit: 'ops',
        about: 'Messages per second that workers ended, by how.',
        queries: [[perSecond(`llmq_message_duration_seconds_count${OF_BOTH}`, 'outcome'), '{{outcome}}']],
      }),
      lines('From the lane to the end', {
        unit: 's',
        about: 'Of messages that were answered.',
        queries: spread(
          'llmq_message_duration_seconds',
          '{lane=~"$lane", model=~"$model", outcome="completed"}',
        ),
      }),
      lines('First piece of the answer, 95 of 100', {
        unit: 's',
        about: 'From the call: 95 of 100 come earlier.',
        queries: [[quantile(0.95, 'llmq_message_first_piece_seconds', OF_BOTH, 'model'), '{{model}}']],
      }),
      lines('What workers did', {
        unit: 'ops',
        about: 'Retries, calls that no endpoint took, and failures of the workers themselves among it.',
        queries: [[perSecond('llmq_worker_messages_total', 'what'), '{{what}}']],
      }),
      lines('Tokens', {
        unit: 'ops',
        about: 'Tokens per second of answered messages, estimated ones included.',
        queries: [[perSecond(`llmq_message_tokens_sum${OF_MODEL}`, 'model, type'), '{{model}} {{type}}']],
      }),
      lines('Cost of an hour', {
        unit: 'short',
        about: 'In the currency of the prices, at the rate of now; without what has no price.',
        queries: [[`3600 * ${perSecond(`llmq_message_cost_total${OF_MODEL}`, 'model')}`, '{{model}}']],
      }),
    ],
  ],
  [
    'Endpoints',
    [
      lines('Calls', {
        unit: 'ops',
        about: 'Calls per second that ended, by what became of them.',
        queries: [
          [
            perSecond(`llmq_call_duration_seconds_count${OF_MODEL}`, 'endpoint, outcome'),
            '{{endpoint}} {{outcome}}',
          ],
        ],
      }),
      lines('Duration of a call, 95 of 100', {
        unit: 's',
        about: 'Of answered calls: 95 of 100 take less.',
        queries: [
          [
            quantile(0.95, 'llmq_call_duration_seconds', '{model=~"$model", outcome="answered"}', 'endpoint'),
            '{{endpoint}}',
          ],
        ],
      }),
      lines('Under way', {
        unit: 'short',
        about: 'Calls at the endpoint, of all processes.',
        queries: [['sum by (endpoint) (llmq_endpoint_running)', '{{endpoint}}']],
      }),
      lines('Not healthy', {
        unit: 'short',
        about: '1 for a model at an endpoint that is degraded, unhealthy or draining.',
        most: 1,
        queries: [
          [
            most(`llmq_endpoint_state{model=~"$model", state!="healthy"}`, 'endpoint, model, state'),
            '{{endpoint}} {{model}} {{state}}',
          ],
        ],
      }),
      lines('Share of its usual calls', {
        unit: 'percentunit',
        about: 'Less than 1 for an endpoint that comes back after a failure.',
        most: 1,
        queries: [[`min by (endpoint, model) (llmq_endpoint_share${OF_MODEL})`, '{{endpoint}} {{model}}']],
      }),
      lines('Cool-down', {
        unit: 's',
        about: 'Until the endpoint may be called again.',
        queries: [[most(`llmq_endpoint_cooldown${OF_MODEL}`, 'endpoint, model'), '{{endpoint}} {{model}}']],
      }),
    ],
  ],
  [
    'Clients',
    [
      lines('Requests by status', {
        unit: 'reqps',
        about: '`abandoned` are those whose client was gone before it had the whole answer.',
        stacked: true,
        queries: [[perSecond('llmq_http_request_duration_seconds_count', 'status'), '{{status}}']],
      }),
      lines('Duration of a request, 95 of 100', {
        unit: 's',
        about: 'To the end of the answer, streams included: 95 of 100 take less.',
        queries: [[quantile(0.95, 'llmq_http_request_duration_seconds', '', 'route'), '{{route}}']],
      }),
      lines('WebSockets', {
        unit: 'short',
        about: 'Open ones, and what they are subscribed to.',
        queries: [
          ['sum(llmq_websocket_open)', 'open'],
          ['sum(llmq_websocket_subscriptions)', 'subscriptions'],
        ],
      }),
      lines('Publishers over NATS: not taken in', {
        unit: 'short',
        about: 'Messages that NATS has acknowledged and nobody has taken in.',
        queries: [[most('llmq_intake_waiting', 'publisher'), '{{publisher}}']],
      }),
      lines('Publishers over NATS: part of what may wait', {
        unit: 'percentunit',
        about: 'Of either limit. At 100 % NATS refuses to store more.',
        queries: [
          [
            'clamp_max(max by (publisher) (llmq_intake_waiting_bytes / llmq_intake_limit_bytes), 1)',
            '{{publisher}}: bytes',
          ],
          ['max by (publisher) (llmq_intake_waiting / llmq_intake_limit)', '{{publisher}}: messages'],
        ],
      }),
      lines('Publishers over NATS: taken in', {
        unit: 'ops',
        about: 'Messages per second that went into the log.',
        queries: [[perSecond('llmq_intake_accepted_total', 'publisher'), '{{publisher}}']],
      }),
      lines('Webhooks', {
        unit: 'ops',
        about: 'Tries per second, by what came of them.',
        queries: [[perSecond('llmq_webhook_tries_total', 'outcome'), '{{outcome}}']],
      }),
      lines('Batches', {
        unit: 'short',
        about: 'By status, and those that wait for a process to carry them out.',
        queries: [
          ['sum by (status) (llmq_batch_open)', '{{status}}'],
          ['max(llmq_batch_waiting)', 'waiting'],
        ],
      }),
      lines('Lines of batches', {
        unit: 'ops',
        about: 'Lines per second that have ended, with an answer and without.',
        queries: [[perSecond('llmq_batch_lines_total', 'outcome'), '{{outcome}}']],
      }),
    ],
  ],
  [
    'Log and tables',
    [
      lines('Room of the log', {
        unit: 'bytes',
        about: 'What the log uses, its limit, and what is free on the disk of the embedded NATS.',
        queries: [
          ['max(llmq_log_used_bytes)', 'used'],
          ['max(llmq_log_limit_bytes)', 'limit'],
          ['min(llmq_log_free_bytes)', 'free on the disk'],
        ],
      }),
      lines('Projection', {
        unit: 'short',
        about: 'Events in the log that the tables do not have yet.',
        queries: [['max(llmq_projection_lag)', 'events behind']],
      }),
      lines('Connections to PostgreSQL', {
        unit: 'short',
        about: 'Of all processes, and queries that wait for one.',
        queries: [
          ['sum by (state) (llmq_database_connections)', '{{state}}'],
          ['sum(llmq_database_waiting)', 'waiting queries'],
        ],
      }),
    ],
  ],
  [
    'Scheduler',
    [
      lines('Slots', {
        unit: 'short',
        about: 'Slots that there are, and those that are wanted. Told where the scheduler is switched on.',
        wide: true,
        queries: [
          ['max(llmq_scheduler_slots)', 'slots'],
          ['max(llmq_scheduler_ordered_slots)', 'wanted in all'],
          [most(`llmq_scheduler_wanted_slots${OF_MODEL}`, 'model'), 'wanted for {{model}}'],
        ],
      }),
      lines('Tokens that wait', {
        unit: 'short',
        about: 'Tokens that waiting messages ask with, by a sample of them.',
        wide: true,
        queries: [[most(`llmq_scheduler_waiting_tokens${OF_BOTH}`, 'model, lane'), '{{model}} {{lane}}']],
      }),
    ],
  ],
  [
    'Processes',
    [
      lines('CPU', {
        unit: 'percentunit',
        about: '1 is one core.',
        queries: [
          [perSecond('process_cpu_seconds_total{job="llm-message-queue"}', 'instance'), '{{instance}}'],
        ],
      }),
      lines('Memory', {
        unit: 'bytes',
        about: 'What is in RAM, and of that what JavaScript objects use.',
        queries: [
          ['process_resident_memory_bytes{job="llm-message-queue"}', '{{instance}}'],
          ['nodejs_heap_size_used_bytes{job="llm-message-queue"}', '{{instance}} objects'],
        ],
      }),
      lines('Lateness of the event loop', {
        unit: 's',
        about: 'At most, since the last reading. Above a tenth of a second clients notice it.',
        queries: [['nodejs_eventloop_lag_max_seconds{job="llm-message-queue"}', '{{instance}}']],
      }),
      lines('Event loop in use', {
        unit: 'percentunit',
        about: 'At 1 the process does as much as it can; a further process of the role helps then.',
        queries: [
          [
            perSecond('nodejs_eventloop_active_seconds_total{job="llm-message-queue"}', 'instance'),
            '{{instance}}',
          ],
        ],
      }),
      lines('Versions', {
        unit: 'short',
        about: 'Processes of each version. Two of them stand here during an upgrade.',
        queries: [['sum by (version, node) (llmq_build_info)', '{{version}} on Node {{node}}']],
      }),
    ],
  ],
];

/** @param {string} name @param {string} metric */
function chosen(name, metric) {
  return new QueryVariableBuilder(name)
    .datasource(DATA_SOURCE)
    .query(`label_values(${metric}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: 'All', value: '$__all' });
}

/** The dashboard as Grafana imports it. */
export function dashboard() {
  const builder = new DashboardBuilder('LLM Message Queue')
    .uid('llm-message-queue')
    .description('Written by npm run dashboard; docs/operations.md says what the figures mean.')
    .tags(['llm-message-queue'])
    .timezone('browser')
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .withVariable(new DatasourceVariableBuilder('datasource').type('prometheus').label('Data source'))
    .withVariable(chosen('lane', 'llmq_lane_waiting'))
    .withVariable(chosen('model', 'llmq_endpoint_share'));
  let id = 1;
  for (const [title, panels] of ROWS) {
    builder.withRow(new RowBuilder(title).id(id++));
    for (const panel of panels) builder.withPanel(panel.id(id++));
  }
  return builder.build();
}

/** The text of the file. */
export function dashboardText() {
  return `${JSON.stringify(dashboard(), null, 2)}\n`;
}
