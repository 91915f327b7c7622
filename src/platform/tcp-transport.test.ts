import { testTransportContract } from '../ports/transport-contract.ts';
import { withTcpMembers } from './tcp-transport-harness.ts';

testTransportContract('TcpTransport', withTcpMembers);
