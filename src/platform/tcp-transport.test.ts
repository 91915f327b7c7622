import { testTransportContract } from '../ports/transport-contract.ts';
import { withTcpMembers } from './transport-contract-members.ts';

testTransportContract('TcpTransport', withTcpMembers);
