/*
 * Preloaded into the nginx of the sanitized tests: modules stay loaded.
 *
 * nginx unloads its modules before a process ends, and what a module's
 * variables point to would look lost to LeakSanitizer, with stacks that name
 * nothing.
 */


int dlclose(void *handle);


int
dlclose(void *handle)
{
    return 0;
}
