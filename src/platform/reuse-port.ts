/**
 * Whether several processes may listen on one port, each with a queue of its own that the kernel fills by a hash of
 * the connection's addresses (`SO_REUSEPORT`, Linux 3.9; `net.Server.listen`, `reusePort`).
 *
 * macOS and Windows know the name, or one like it, but give all connections to one of the processes.
 */

const systems: readonly NodeJS.Platform[] = ['linux', 'freebsd', 'aix', 'sunos'];

export function canReusePort(platform: NodeJS.Platform): boolean {
  return systems.includes(platform);
}
