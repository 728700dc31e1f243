import { objectionToNode } from './node-version.js';

describe('the version of Node', () => {
  it.each(['20.19.0', '20.20.2', '22.12.0', '24.0.0', '26.1.0'])('%s can run the service', (version) => {
    expect(objectionToNode(version)).toBeNull();
  });

  it.each(['20.18.3', '18.20.8', '14.0.0', '0.12.18'])('%s is told what to do', (version) => {
    expect(objectionToNode(version)).toMatch(
      new RegExp(`needs Node.js 20\\.19 or newer, and this is ${version}`),
    );
  });
});
