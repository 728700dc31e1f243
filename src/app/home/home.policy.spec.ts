import { homeOf, homePage, wantsPage } from './home.policy.js';

const all = { version: '1.2.3', api: true, docs: true, metrics: true };

describe('the home of the service', () => {
  it('tells name, version, and where everything is', () => {
    expect(homeOf(all)).toMatchObject({
      name: 'LLM Message Queue',
      version: '1.2.3',
      links: { docs: '/api/docs', health: '/health', readiness: '/health/ready', metrics: '/metrics' },
    });
    const page = homePage(homeOf(all));
    for (const path of ['/api/docs', '/health', '/health/ready', '/metrics']) {
      expect(page).toContain(`<a href="${path}">`);
    }
    expect(page).toContain('Version 1.2.3.');
    expect(page).toContain('<code>/v1</code>');
  });

  it('leaves out what is not served, and for outsiders the version', () => {
    const home = homeOf({ version: null, api: false, docs: false, metrics: false });
    expect(Object.keys(home.links)).toEqual(['health', 'readiness']);
    expect(homePage(home)).not.toMatch(/Version|undefined|base URL/);
  });

  it('is a page for browsers alone', () => {
    expect(wantsPage('text/html,application/xhtml+xml,*/*;q=0.8')).toBe(true);
    for (const accept of [undefined, '*/*', 'application/json']) expect(wantsPage(accept)).toBe(false);
  });
});
