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
		"Default": {
			reason: "Nothing is signed unless somebody asks for it.",
			want:   defaultSigning(),
		},
		"Spire": {
			reason: "The flag has the name that it has elsewhere.",
			data:   map[string]string{"enforce-nonfalsifiability": "spire"},
			want:   on(func(s *Signing) { s.By = NonfalsifiabilitySpire }),
		},
		"Other": {
			reason:  "Whoever misspells it must hear of it.",
			data:    map[string]string{"enforce-nonfalsifiability": "spiffe"},
			want:    defaultSigning(),
			refused: `"none", "spire"`,
		},
		"Warn": {
			reason: "A policy lets runs go on.",
			data:   map[string]string{"signed-results-policy": "warn"},
			want:   on(func(s *Signing) { s.Policy = SigningWarn }),
		},
		"Policy": {
			reason:  "There are two.",
			data:    map[string]string{"signed-results-policy": "off"},
			want:    defaultSigning(),
			refused: "signed-results-policy",
		},
		"CSI": {
			reason: "The driver's volume may have it under another name.",
			data:   map[string]string{"signed-results-socket": "csi/agent.sock"},
			want:   on(func(s *Signing) { s.Socket = WorkloadSocket{File: "agent.sock"} }),
		},
		"HostPath": {
			reason: "Without the driver it is a directory of the node.",
			data:   map[string]string{"signed-results-socket": "/run/spire/sockets/agent.sock"},
			want:   on(func(s *Signing) { s.Socket = WorkloadSocket{HostDir: "/run/spire/sockets", File: "agent.sock"} }),
		},
		"Relative": {
			reason:  "A path is absolute.",
			data:    map[string]string{"signed-results-socket": "run/agent.sock"},
			want:    defaultSigning(),
			refused: "signed-results-socket",
		},
		"Unclean": {
			reason:  "A path leads where it seems to.",
			data:    map[string]string{"signed-results-socket": "/run/../etc/agent.sock"},
			want:    defaultSigning(),
			refused: "signed-results-socket",
		},
		"AtRoot": {
			reason:  "Nobody mounts all of a node.",
			data:    map[string]string{"signed-results-socket": "/agent.sock"},
			want:    defaultSigning(),
			refused: "signed-results-socket",
		},
		"Directory": {
			reason:  "A socket is no directory.",
			data:    map[string]string{"signed-results-socket": "/run/spire/"},
			want:    defaultSigning(),
			refused: "signed-results-socket",
		},
		"Identity": {
			reason: "Names may be too long for labels, by which SPIRE makes identities; UIDs are not.",
			data:   map[string]string{"signed-results-identity": "/run/{uid}"},
			want:   on(func(s *Signing) { s.Identity = "/run/{uid}" }),
		},
		"SameForAll": {
			reason:  "An identity that all runs share proves nothing.",
			data:    map[string]string{"signed-results-identity": "/tekton"},
			want:    defaultSigning(),
			refused: "signed-results-identity",
		},
		"AcrossNames": {
			reason:  "Runs of two namespaces may have one name.",
			data:    map[string]string{"signed-results-identity": "/run/{name}"},
			want:    defaultSigning(),
			refused: "signed-results-identity",
		},
		"WholeID": {
			reason:  "The trust domain is the controller's own.",
			data:    map[string]string{"signed-results-identity": "spiffe://d/{uid}"},
			want:    defaultSigning(),
			refused: "signed-results-identity",
		},
		"Placeholder": {
			reason:  "A placeholder that is none would stand in each ID.",
			data:    map[string]string{"signed-results-identity": "/{uid}/{task}"},
			want:    defaultSigning(),
			refused: "signed-results-identity",
		},
		"EmptySegment": {
			reason:  "No SPIFFE ID has an empty segment.",
			data:    map[string]string{"signed-results-identity": "/{uid}//x"},
			want:    defaultSigning(),
			refused: "signed-results-identity",
		},
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
