package component

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/sluice-ci/sluice/localkube/internal/pki"
	"github.com/sluice-ci/sluice/localkube/internal/role"
)

// defaultEtcdQuota is the largest quota that etcd suggests, in bytes: 8 GiB.
const defaultEtcdQuota = 8 << 30

// EtcdSpec starts etcd. Its data is as disposable as the cluster, so it does not wait for the disk.
func (c Cluster) EtcdSpec() Spec {
	client := "https://" + net.JoinHostPort(loopback, strconv.Itoa(c.EtcdPort))
	// There are no peers. The kernel picks the port, and no other process gets it.
	const peer = "https://" + loopback + ":0"
	return Spec{
		Name: role.Etcd,
		Args: []string{
			"--name=localkube",
			"--data-dir=" + c.Dir.Etcd(),
			"--listen-client-urls=" + client,
			"--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer,
			"--initial-advertise-peer-urls=" + peer,
			"--initial-cluster=localkube=" + peer,
			"--cert-file=" + c.Dir.Cert(pki.Etcd),
			"--key-file=" + c.Dir.Key(pki.Etcd),
			"--trusted-ca-file=" + c.Dir.Cert(pki.EtcdCA),
			"--client-cert-auth=true",
			"--peer-cert-file=" + c.Dir.Cert(pki.Etcd),
			"--peer-key-file=" + c.Dir.Key(pki.Etcd),
			"--peer-trusted-ca-file=" + c.Dir.Cert(pki.EtcdCA),
			"--peer-client-cert-auth=true",
			"--unsafe-no-fsync=true",
			// The only member wins its election after one time-out. The default time-out is one second.
			"--heartbeat-interval=25",
			"--election-timeout=250",
			"--snapshot-count=10000",
			fmt.Sprintf("--quota-backend-bytes=%d", cmp.Or(c.Tuning.EtcdQuota, defaultEtcdQuota)),
			"--logger=zap",
			"--log-level=warn",
		},
		Healthy: tlsProbe(client+"/health", c.Dir, pki.EtcdCA, pki.EtcdClient),
	}
}

// APIServerSpec starts the API server.
func (c Cluster) APIServerSpec() Spec {
	args := []string{
		"--bind-address=" + c.apiBind(),
		fmt.Sprintf("--secure-port=%d", c.APIPort),
		"--tls-cert-file=" + c.Dir.Cert(pki.APIServer),
		"--tls-private-key-file=" + c.Dir.Key(pki.APIServer),
		"--client-ca-file=" + c.Dir.Cert(pki.CA),
		"--anonymous-auth=false",
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--etcd-servers=https://" + net.JoinHostPort(loopback, strconv.Itoa(c.EtcdPort)),
		"--etcd-cafile=" + c.Dir.Cert(pki.EtcdCA),
		"--etcd-certfile=" + c.Dir.Cert(pki.EtcdClient),
		"--etcd-keyfile=" + c.Dir.Key(pki.EtcdClient),
		"--service-cluster-ip-range=" + ServiceCIDR,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.Dir.PublicKey(pki.ServiceAccount),
		"--service-account-signing-key-file=" + c.Dir.Key(pki.ServiceAccount),
		// These limits are far above what one machine can do, so that the machine limits a benchmark.
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1000",
	}
	if c.AuditLog {
		args = append(args,
			"--audit-policy-file="+c.Dir.Config(auditFile),
			"--audit-log-path="+c.Dir.Audit(),
			// A client that has its answer finds its request in the log.
			"--audit-log-mode=blocking",
		)
	}
	if c.APIOnly {
		args = append(args,
			"--advertise-address="+loopback,
			// The API server refuses a loopback address for the endpoints of the Service kubernetes, and no client would use
			// them.
			"--endpoint-reconciler-type=none",
			"--enable-admission-plugins=NodeRestriction",
			// Without a controller manager, no component creates the service account "default" of a new namespace, and the
			// admission plugin would refuse pods.
			"--disable-admission-plugins=ServiceAccount",
		)
	} else {
		args = append(args,
			"--advertise-address="+c.Uplink.Node.String(),
			"--enable-admission-plugins=NodeRestriction",
			"--kubelet-certificate-authority="+c.Dir.Cert(pki.CA),
			"--kubelet-client-certificate="+c.Dir.Cert(pki.KubeletClient),
			"--kubelet-client-key="+c.Dir.Key(pki.KubeletClient),
			"--kubelet-preferred-address-types=InternalIP",
		)
	}
	return Spec{Name: role.APIServer, Args: args, Healthy: tlsProbe(c.APIURL()+"/readyz", c.Dir, pki.CA, pki.Admin)}
}

// APIURL is the URL of the API server for clients on this machine and for the components on the node.
func (c Cluster) APIURL() string {
	return "https://" + c.APIAddress().String()
}

// APIAddress is the API server's address on a loopback interface: the host's, and the node's.
func (c Cluster) APIAddress() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(c.APIPort)) //nolint:gosec // the command line checks its range
}
