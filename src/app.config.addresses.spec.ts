import { isPrivateHost } from './app.config.addresses';

describe('isPrivateHost', () => {
  it.each([
    'http://127.0.0.1',
    'http://127.1',
    'http://2130706433',
    'http://0x7f000001',
    'http://0x7f.1',
    'http://0177.0.0.1',
    'http://127.0.0.1.',
    'http://0',
    'http://10.1.2.3',
    'http://172.16.0.1',
    'http://192.168.1.1',
    'http://169.254.169.254/latest/meta-data',
    'http://100.64.0.1',
    'http://[::1]',
    'http://[::]',
    'http://[::ffff:127.0.0.1]',
    'http://[::ffff:a9fe:a9fe]',
    'http://[64:ff9b::10.0.0.1]',
    'http://[2002:7f00:1::]',
    'http://[fd00::1]',
    'http://[fe80::1]',
    'http://localhost:11434',
    'http://LOCALHOST.',
    'http://api.localhost',
    'http://metadata.google.internal',
    'http://ollama:11434',
    'http://１２７.0.0.1',
  ])('knows %s as private', (address) => {
    expect(isPrivateHost(new URL(address))).toBe(true);
  });

  it.each([
    'https://api.openai.com',
    'https://8.8.8.8',
    'https://172.32.0.1',
    'https://[2606:4700::1111]',
    'https://localhost.example.com',
  ])('knows %s as public', (address) => {
    expect(isPrivateHost(new URL(address))).toBe(false);
  });
});
