import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';

// After an update of the server the old page's parts are gone: the page is loaded anew, once.
addEventListener('vite:preloadError', (event) => {
  const key = 'encoder-ui-reloaded';
  if (Date.now() - Number(sessionStorage.getItem(key) ?? 0) < 10_000) return;
  event.preventDefault();
  sessionStorage.setItem(key, String(Date.now()));
  location.reload();
});

const target = document.getElementById('app');
if (target) mount(App, { target });
