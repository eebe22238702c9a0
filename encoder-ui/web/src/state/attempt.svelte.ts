// What an operator asked for: whether it is under way, and a message where it fails.

import { speech } from '../i18n/index.svelte';
import { toasts } from './toasts.svelte';

export class Attempt {
  running = $state(false);

  async run(work: () => Promise<void>): Promise<void> {
    this.running = true;
    try {
      await work();
    } catch (error) {
      toasts.failure(speech.failure(error));
    } finally {
      this.running = false;
    }
  }
}
