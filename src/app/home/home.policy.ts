/** What `GET /` tells: to people as a page, to programs as JSON. */
export interface Home {
  readonly name: string;
  /** Absent for those who have no key: an outsider need not know it. */
  readonly version?: string;
  readonly description: string;
  /** By what they lead to; paths of this service. */
  readonly links: Readonly<Record<string, string>>;
}

export interface Served {
  /** Null for an outsider. */
  readonly version: string | null;
  readonly api: boolean;
  readonly docs: boolean;
  readonly metrics: boolean;
}

export function homeOf({ version, api, docs, metrics }: Served): Home {
  return {
    name: 'LLM Message Queue',
    ...(version === null ? {} : { version }),
    description: 'A durable message queue and gateway for large language models.',
    links: {
      ...(docs ? { docs: '/api/docs', openapi: '/api/docs-json' } : {}),
      ...(api ? { openai_base_url: '/v1', rest: '/api/v1' } : {}),
      ...{ health: '/health', readiness: '/health/ready' },
      ...(metrics ? { metrics: '/metrics' } : {}),
    },
  };
}

/** Whether a client would rather read a page: browsers name the type, programs mostly take all. */
export function wantsPage(accept: string | undefined): boolean {
  return accept?.includes('text/html') ?? false;
}

const WORDS: Readonly<Record<string, string>> = {
  docs: 'The API, to read and to try',
  openapi: 'Its description in OpenAPI, for tools',
  health: 'Health',
  readiness: 'Readiness, for load balancers',
  metrics: 'Metrics, for Prometheus',
};

/** Needs no escapes: all of it is ours. */
export function homePage({ name, version, description, links }: Home): string {
  const items = Object.entries(links)
    .filter(([what]) => what in WORDS)
    .map(([what, path]) => `<li><a href="${path}">${path}</a> ${WORDS[what]}</li>`);
  const base = links['openai_base_url'];
  const sdks =
    base === undefined
      ? ''
      : `<p>SDKs for OpenAI: the base URL is this address with <code>${base}</code> at its end. REST is under <code>${links['rest']}</code>.</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${name}</title>
<style>body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
</head>
<body>
<h1>${name}</h1>
<p>${description}${version === undefined ? '' : ` Version ${version}.`}</p>
${sdks}
<ul>
${items.join('\n')}
</ul>
</body>
</html>
`;
}
