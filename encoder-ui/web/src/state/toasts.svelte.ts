// Short messages on what was done, or why not.

export interface Toast {
  id: number;
  tone: 'well' | 'failure';
  text: string;
}

const SHOWN_MS = { well: 4000, failure: 9000 };

class Toasts {
  list: Toast[] = $state([]);
  #next = 1;

  well(text: string): void {
    this.#add('well', text);
  }

  failure(text: string): void {
    this.#add('failure', text);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((one) => one.id !== id);
  }

  #add(tone: Toast['tone'], text: string): void {
    const id = this.#next;
    this.#next += 1;
    this.list = [...this.list.slice(-3), { id, tone, text }];
    setTimeout(() => this.dismiss(id), SHOWN_MS[tone]);
  }
}

export const toasts = new Toasts();
