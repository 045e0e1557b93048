package config

import (
	"path"
	"regexp"
	"strings"
)

// Nonfalsifiability says by what it is made sure that results are what the steps left.
type Nonfalsifiability string

// The values of enforce-nonfalsifiability.
const (
	// NonfalsifiabilityNone: by nothing; results are not signed.
	NonfalsifiabilityNone Nonfalsifiability = "none"
	// NonfalsifiabilitySpire: steps sign their results by a SPIFFE identity.
	NonfalsifiabilitySpire Nonfalsifiability = "spire"
)

// SigningPolicy says what becomes of a run whose results are not those that its steps signed.
type SigningPolicy string

// The values of signed-results-policy.
const (
	// SigningEnforce: it fails.
	SigningEnforce SigningPolicy = "enforce"
	// SigningWarn: it keeps its outcome, and a condition and an event tell of it.
	SigningWarn SigningPolicy = "warn"
)

// Signing is what an administrator says of signed results.
type Signing struct {
	// By says whether results are signed, and by what.
	By Nonfalsifiability
	// Policy says what becomes of a run whose signatures do not hold.
	Policy SigningPolicy
	// Socket is where pods find the Workload API.
	Socket WorkloadSocket
	// Identity is the path of a pod's SPIFFE ID, with the placeholders {namespace}, {name} and {uid} for those of the
	// TaskRun.
	Identity string
}

// On reports whether results are signed.
func (s Signing) On() bool { return s.By == NonfalsifiabilitySpire }

// IdentityOf returns the path of the SPIFFE ID of a TaskRun's pods.
func (s Signing) IdentityOf(namespace, name, uid string) string {
	return strings.NewReplacer("{namespace}", namespace, "{name}", name, "{uid}", uid).Replace(s.Identity)
}

// WorkloadSocket is a socket that pods mount.
type WorkloadSocket struct {
	// HostDir is the directory of the node that has it; empty when the CSI driver csi.spiffe.io brings it.
	HostDir string
	// File is its name in the directory.
	File string
}

func defaultSigning() Signing {
	return Signing{
		By: NonfalsifiabilityNone, Policy: SigningEnforce, Socket: WorkloadSocket{File: "spire-agent.sock"},
		Identity: "/ns/{namespace}/taskrun/{name}",
	}
}

// signing reads the flags of signed results.
func (s *settings) signing(into *Signing) {
	oneOf(s, keySigning, &into.By, NonfalsifiabilityNone, NonfalsifiabilitySpire)
	oneOf(s, keySigningPolicy, &into.Policy, SigningEnforce, SigningWarn)
	if value, ok := s.data[keySigningSocket]; ok {
		if socket, ok := parseSocket(value); ok {
			into.Socket = socket
		} else {
			s.refuse(keySigningSocket, `the path of a socket on the nodes, such as /run/spire/sockets/agent.sock, or "csi/" and its name in a volume of csi.spiffe.io`,
				"csi/"+into.Socket.File)
		}
	}
	if value, ok := s.data[keySigningIdentity]; ok {
		if identityTemplate(value) {
			into.Identity = value
		} else {
			s.refuse(keySigningIdentity, "the path of a SPIFFE ID (letters, digits, '.', '-' and '_' between slashes) with {uid}, or with {namespace} and {name}", into.Identity)
		}
	}
}

// parseSocket reads an absolute path, or csi/NAME.
func parseSocket(value string) (WorkloadSocket, bool) {
	if file, ok := strings.CutPrefix(value, "csi/"); ok {
		return WorkloadSocket{File: file}, fileName(file)
	}
	dir, file := path.Split(value)
	dir = strings.TrimSuffix(dir, "/")
	return WorkloadSocket{HostDir: dir, File: file}, dir != "" && path.IsAbs(value) && path.Clean(value) == value && fileName(file)
}

func fileName(s string) bool {
	ok, err := regexp.MatchString(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`, s)
	return ok && err == nil
}

// identityTemplate reports whether a template gives each run a SPIFFE ID of its own.
func identityTemplate(template string) bool {
	one := strings.Contains(template, "{uid}") || strings.Contains(template, "{namespace}") && strings.Contains(template, "{name}")
	sample := Signing{Identity: template}.IdentityOf("n", "n", "n")
	ok, err := regexp.MatchString(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`, sample)
	return one && ok && err == nil && len(template) <= 512
}
