package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSigning(t *testing.T) {
	on := func(change func(*Signing)) Signing {
		s := defaultSigning()
		change(&s)
		return s
	}
	cases := map[string]struct {
		reason  string
		data    map[string]string
		want    Signing
		refused string // a part of the only message; empty: no message
	}{
		"Default": {"Nothing is signed unless somebody asks for it.", nil, defaultSigning(), ""},
		"Spire": {"The flag has the name that it has elsewhere.", map[string]string{"enforce-nonfalsifiability": "spire"},
			on(func(s *Signing) { s.By = NonfalsifiabilitySpire }), ""},
		"Other": {"Whoever misspells it must hear of it.", map[string]string{"enforce-nonfalsifiability": "spiffe"}, defaultSigning(), `"none", "spire"`},
		"Warn": {"A policy lets runs go on.", map[string]string{"signed-results-policy": "warn"},
			on(func(s *Signing) { s.Policy = SigningWarn }), ""},
		"Policy": {"There are two.", map[string]string{"signed-results-policy": "off"}, defaultSigning(), "signed-results-policy"},
		"CSI": {"The driver's volume may have it under another name.", map[string]string{"signed-results-socket": "csi/agent.sock"},
			on(func(s *Signing) { s.Socket = WorkloadSocket{File: "agent.sock"} }), ""},
		"HostPath": {"Without the driver it is a directory of the node.", map[string]string{"signed-results-socket": "/run/spire/sockets/agent.sock"},
			on(func(s *Signing) { s.Socket = WorkloadSocket{HostDir: "/run/spire/sockets", File: "agent.sock"} }), ""},
		"Relative":  {"A path is absolute.", map[string]string{"signed-results-socket": "run/agent.sock"}, defaultSigning(), "signed-results-socket"},
		"Unclean":   {"A path leads where it seems to.", map[string]string{"signed-results-socket": "/run/../etc/agent.sock"}, defaultSigning(), "signed-results-socket"},
		"AtRoot":    {"Nobody mounts all of a node.", map[string]string{"signed-results-socket": "/agent.sock"}, defaultSigning(), "signed-results-socket"},
		"Directory": {"A socket is no directory.", map[string]string{"signed-results-socket": "/run/spire/"}, defaultSigning(), "signed-results-socket"},
		"Identity": {"Names may be too long for labels, by which SPIRE makes identities; UIDs are not.", map[string]string{"signed-results-identity": "/run/{uid}"},
			on(func(s *Signing) { s.Identity = "/run/{uid}" }), ""},
		"SameForAll":   {"An identity that all runs share proves nothing.", map[string]string{"signed-results-identity": "/tekton"}, defaultSigning(), "signed-results-identity"},
		"AcrossNames":  {"Runs of two namespaces may have one name.", map[string]string{"signed-results-identity": "/run/{name}"}, defaultSigning(), "signed-results-identity"},
		"WholeID":      {"The trust domain is the controller's own.", map[string]string{"signed-results-identity": "spiffe://d/{uid}"}, defaultSigning(), "signed-results-identity"},
		"Placeholder":  {"A placeholder that is none would stand in each ID.", map[string]string{"signed-results-identity": "/{uid}/{task}"}, defaultSigning(), "signed-results-identity"},
		"EmptySegment": {"No SPIFFE ID has an empty segment.", map[string]string{"signed-results-identity": "/{uid}//x"}, defaultSigning(), "signed-results-identity"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			flags, problems := ParseFlags(tc.data, nil)
			if diff := cmp.Diff(tc.want, flags.Signing); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if (tc.refused == "") != (len(problems) == 0) || len(problems) == 1 && !strings.Contains(problems[0].Error(), tc.refused) {
				t.Errorf("%s\nproblems: %v, want one with %q", tc.reason, problems, tc.refused)
			}
		})
	}
	if got := defaultSigning().IdentityOf("ci", "build", "123"); got != "/ns/ci/taskrun/build" {
		t.Errorf("the usual identity is /ns/NAMESPACE/taskrun/NAME, got %q", got)
	}
}
