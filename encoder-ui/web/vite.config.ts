import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // What build.rs of encoder-ui names lies outside of this folder.
    emptyOutDir: true,
    // The page's policy allows no data: scripts, and files of their own are cached for ever.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
