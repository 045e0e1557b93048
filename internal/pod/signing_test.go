package pod

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

func mounts(c corev1.Container, volume string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume })
}

// TestSigning: steps that sign have another in-pod binary and the Workload API's socket; the results sidecar has
// neither, and who does not sign has a pod as before.
func TestSigning(t *testing.T) {
	const image = "registry.example/inpod-spiffe@sha256:1111"
	csi := config.WorkloadSocket{File: "spire-agent.sock"}
	cases := map[string]struct {
		reason   string
		delivery Delivery
		socket   config.WorkloadSocket
		host     string // the directory of the node; empty for the CSI driver
		address  string
	}{
		"CSI": {
			reason:   "The driver brings the socket.",
			delivery: ImageVolume,
			socket:   csi,
			address:  "unix:///tekton/workload-api/spire-agent.sock",
		},
		"Copied": {
			reason:   "An init container copies the binary that can sign.",
			delivery: InitContainer,
			socket:   csi,
			address:  "unix:///tekton/workload-api/spire-agent.sock",
		},
		"HostPath": {
			reason:   "Without a driver the socket comes from the node.",
			delivery: ImageVolume,
			socket:   config.WorkloadSocket{HostDir: "/run/spire/sockets", File: "agent.sock"},
			host:     "/run/spire/sockets",
			address:  "unix:///tekton/workload-api/agent.sock",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Build(input(steps(), otherMethod, func(in *Input) {
				in.Delivery, in.Signing = tc.delivery, &Signing{Image: image, Socket: tc.socket, Identity: "/ns/ci/taskrun/build"}
			}))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.Spec.Containers {
				args := strings.Join(c.Args, " ")
				signs := strings.Contains(args, "-sign-socket "+tc.address+
					" -sign-identity /ns/ci/taskrun/build -sign-namespace ci -sign-taskrun build "+
					"-sign-uid 11111111-2222-3333-4444-555555555555 -sign-nonce NONCE")
				if step := podpaths.IsStep(c.Name); mounts(c, workloadVolume) != step || signs != step ||
					step != (c.Command[0] == "/tekton/bin/inpod-spiffe") {
					t.Errorf("%s\nsteps sign, and nobody else: container %q: %+v, %s", tc.reason, c.Name, c.Command, args)
				}
			}
			for _, v := range p.Spec.Volumes {
				switch {
				case v.Name == workloadVolume && tc.host != "" && (v.HostPath == nil || v.HostPath.Path != tc.host),
					v.Name == workloadVolume && tc.host == "" && (v.CSI == nil || v.CSI.Driver != spiffeDriver || !*v.CSI.ReadOnly):
					t.Errorf("%s\nthe volume of the socket is %+v", tc.reason, v.VolumeSource)
				case v.Name == binVolume && tc.delivery == ImageVolume && v.Image.Reference != image:
					t.Errorf("%s\nthe binary comes from %q", tc.reason, v.Image.Reference)
				}
			}
			if tc.delivery == InitContainer {
				first := p.Spec.InitContainers[0]
				if got := strings.Join(first.Command, " "); first.Image != image || got != "/ko-app/inpod-spiffe copy /tekton/bin/inpod-spiffe" {
					t.Errorf("%s\nit runs %q of %q", tc.reason, got, first.Image)
				}
			}
		})
	}
}
