/**
 * The version of Redis whose answers this front follows, told where clients look for one (`HELLO`, `INFO`): they
 * choose by it what they may send. The version of this package stands beside it in `INFO`.
 */
export const redisVersion = '7.0.0';
