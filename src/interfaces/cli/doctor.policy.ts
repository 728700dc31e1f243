/** A report as the service answers it; what a newer one adds is passed over. */
export interface ToldReport {
  readonly at: string;
  readonly version: string;
  readonly verdict: string;
  readonly questions: readonly { readonly question: string; readonly verdict: string }[];
  readonly findings: readonly ToldFinding[];
  readonly unknown: readonly { readonly signal: string; readonly why: string }[];
}

interface ToldFinding {
  readonly question: string;
  readonly severity: string;
  readonly text: string;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly action: { readonly kind: string; readonly text: string; readonly at: string };
}

export interface Asked {
  readonly url: string;
  /** The calls that are told need one, too. */
  readonly withKey: boolean;
}

const ASKS: Readonly<Record<string, string>> = {
  flow: 'Does work start?',
  success: 'Does it end well?',
  freshness: 'Is what we see current?',
};

const IN_ALL: Readonly<Record<string, string>> = {
  well: 'All is well.',
  wrong: 'Something is wrong.',
  unknown: 'Nothing wrong was found, but not everything is known.',
};

/** 0: well; 1: something is wrong; 2: it is not known, as when the service can't be reached. */
export function exitCodeOf({ verdict }: Pick<ToldReport, 'verdict'>): number {
  return verdict === 'well' ? 0 : verdict === 'wrong' ? 1 : 2;
}

/** For people at a terminal. */
export function reportText(report: ToldReport, asked: Asked): string {
  const { verdict, at, version, questions, findings, unknown } = report;
  const width = Math.max(0, ...questions.map(({ question }) => question.length));
  const parts = [
    [IN_ALL[verdict] ?? verdict, `${asked.url}, version ${version}, ${at}`],
    questions.map(
      (each) => `${each.question.padEnd(width)}  ${each.verdict.padEnd(7)}  ${asks(each.question)}`,
    ),
    ...findings.map((finding, index) => findingLines(finding, index + 1, asked)),
    ...(unknown.length === 0
      ? []
      : [['Not known, and counted neither as good nor as bad:', ...unknown.map(unknownLine)]]),
  ];
  return `${parts.map((lines) => lines.map(plain).join('\n')).join('\n\n')}\n`;
}

function asks(question: string): string {
  return ASKS[question] ?? '';
}

function findingLines(
  { severity, question, text, evidence, action }: ToldFinding,
  number: number,
  asked: Asked,
) {
  const figures = Object.entries(evidence).filter(([, value]) => value !== null);
  return [
    `${number}. ${severity} (${question}): ${text}`,
    ...figures.map(
      ([name, value]) => `   ${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}`,
    ),
    `   next: ${action.text}`,
    `         ${action.kind === 'call' ? curl(action.at, asked) : action.at}`,
  ];
}

function curl(request: string, { url, withKey }: Asked): string {
  const [method = 'GET', path = ''] = request.split(' ');
  const key = withKey ? ` -H "authorization: Bearer $LLMQ_KEY"` : '';
  return `curl -s${method === 'GET' ? '' : ` -X ${method}`}${key} '${url}${path}'`;
}

function unknownLine({ signal, why }: { readonly signal: string; readonly why: string }): string {
  return `- ${signal}: ${why}`;
}

/** Words of endpoints and of other servers are in it: none of them may steer a terminal. */
function plain(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  return line.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
