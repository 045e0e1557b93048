package config

import (
	"path"
	"regexp"
	"strings"
)

// Nonfalsifiability is how the controller verifies that results come from the steps.
type Nonfalsifiability string

// The values of enforce-nonfalsifiability.
const (
	// NonfalsifiabilityNone: not at all; results are not signed.
	NonfalsifiabilityNone Nonfalsifiability = "none"
	// NonfalsifiabilitySpire: steps sign their results with a SPIFFE identity.
	NonfalsifiabilitySpire Nonfalsifiability = "spire"
)

// SigningPolicy is what happens to a run whose results do not match the signatures of its steps.
type SigningPolicy string

// The values of signed-results-policy.
const (
	// SigningEnforce: the run fails.
	SigningEnforce SigningPolicy = "enforce"
	// SigningWarn: the run keeps its outcome; a condition and an event report the problem.
	SigningWarn SigningPolicy = "warn"
)

// Signing has the settings of signed results.
type Signing struct {
	// By is whether and how results are signed.
	By Nonfalsifiability
	// Policy is what happens to a run whose signatures are invalid.
	Policy SigningPolicy
	// Socket is the socket of the Workload API in pods.
	Socket WorkloadSocket
	// Identity is the path of the SPIFFE ID of a pod, with the placeholders {namespace}, {name} and {uid} of its TaskRun.
	Identity string
}

// On reports whether results are signed.
func (s Signing) On() bool { return s.By == NonfalsifiabilitySpire }

// IdentityOf returns the path of the SPIFFE ID of the pods of a TaskRun.
func (s Signing) IdentityOf(namespace, name, uid string) string {
	return strings.NewReplacer("{namespace}", namespace, "{name}", name, "{uid}", uid).Replace(s.Identity)
}

// WorkloadSocket is a socket that pods mount.
type WorkloadSocket struct {
	// HostDir is the directory of the socket on the node; empty if the CSI driver csi.spiffe.io provides it.
	HostDir string
	// File is the name of the socket in its directory.
	File string
}

func defaultSigning() Signing {
	return Signing{
		By: NonfalsifiabilityNone, Policy: SigningEnforce, Socket: WorkloadSocket{File: "spire-agent.sock"},
		Identity: "/ns/{namespace}/taskrun/{name}",
	}
}

// signing parses the flags of signed results.
func (s *settings) signing(into *Signing) {
	oneOf(s, keySigning, &into.By, NonfalsifiabilityNone, NonfalsifiabilitySpire)
	oneOf(s, keySigningPolicy, &into.Policy, SigningEnforce, SigningWarn)
	if value, ok := s.data[keySigningSocket]; ok {
		if socket, ok := parseSocket(value); ok {
			into.Socket = socket
		} else {
			s.refuse(keySigningSocket,
				`the path of a socket on the nodes, such as /run/spire/sockets/agent.sock, or "csi/" and its name in a volume of csi.spiffe.io`,
				"csi/"+into.Socket.File)
		}
	}
	if value, ok := s.data[keySigningIdentity]; ok {
		if identityTemplate(value) {
			into.Identity = value
		} else {
			s.refuse(keySigningIdentity,
				"the path of a SPIFFE ID (letters, digits, '.', '-' and '_' between slashes) with {uid}, or with {namespace} and {name}",
				into.Identity)
		}
	}
}

// parseSocket parses an absolute path, or csi/NAME.
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

// identityTemplate reports whether a template gives each run a unique, valid SPIFFE ID.
func identityTemplate(template string) bool {
	one := strings.Contains(template, "{uid}") || strings.Contains(template, "{namespace}") && strings.Contains(template, "{name}")
	sample := Signing{Identity: template}.IdentityOf("n", "n", "n")
	ok, err := regexp.MatchString(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`, sample)
	return one && ok && err == nil && len(template) <= 512
}
