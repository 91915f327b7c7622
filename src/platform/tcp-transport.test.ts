import { testTransportContract } from '../ports/transport-contract.ts';
import { testTransportLives } from '../ports/transport-contract-lives.ts';
import { withTcpMembers } from './transport-contract-members.ts';
import { withTlsMembers } from './transport-contract-tls.ts';

testTransportContract('TcpTransport', withTcpMembers);
testTransportLives('TcpTransport', withTcpMembers);

testTransportContract('TcpTransport over TLS', withTlsMembers);
testTransportLives('TcpTransport over TLS', withTlsMembers);
