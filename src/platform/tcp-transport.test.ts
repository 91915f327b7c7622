import { testTransportContract } from '../ports/transport-contract.ts';
import { testTransportLives } from '../ports/transport-contract-lives.ts';
import { withTcpMembers } from './transport-contract-members.ts';

testTransportContract('TcpTransport', withTcpMembers);
testTransportLives('TcpTransport', withTcpMembers);
