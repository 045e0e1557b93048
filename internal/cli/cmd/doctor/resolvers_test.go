package doctor

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestResolvers(t *testing.T) {
	program := func(name string, wanted, ready int32) *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines-resolvers", Name: name},
			Spec:       appsv1.DeploymentSpec{Replicas: new(wanted)},
			Status:     appsv1.DeploymentStatus{AvailableReplicas: ready},
		}
	}
	cases := map[string]struct {
		reason   string
		programs []*appsv1.Deployment
		level    Level
		what     string
	}{
		"None": {
			reason: "A cluster can do without.",
			level:  OK,
			what:   "no resolvers are installed: references to git, bundles, http and hub are not answered",
		},
		"Own": {
			reason:   "They run.",
			programs: []*appsv1.Deployment{program("sluice-resolvers", 1, 1)},
			level:    OK,
			what:     "the resolvers run in namespace tekton-pipelines-resolvers",
		},
		"NotReady": {
			reason:   "References wait for them.",
			programs: []*appsv1.Deployment{program("sluice-resolvers", 1, 0)},
			level:    Warning,
			what:     "no replica of the resolvers is ready",
		},
		"Tekton": {
			reason:   "Those of Tekton answer as well.",
			programs: []*appsv1.Deployment{program("tekton-pipelines-remote-resolvers", 1, 1)},
			level:    OK,
			what:     "tekton-pipelines-remote-resolvers answers",
		},
		"Both": {
			reason:   "Each request is fetched twice.",
			programs: []*appsv1.Deployment{program("sluice-resolvers", 1, 1), program("tekton-pipelines-remote-resolvers", 1, 1)},
			level:    Warning,
			what:     "two programs answer the same references",
		},
		"OneScaledDown": {
			reason:   "One that is scaled down answers nothing.",
			programs: []*appsv1.Deployment{program("sluice-resolvers", 1, 1), program("tekton-pipelines-remote-resolvers", 0, 0)},
			level:    OK,
			what:     "the resolvers run",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := healthy()
			for _, d := range tc.programs {
				h.objects = append(h.objects, d)
			}
			var found []Finding
			for _, f := range Examine(t.Context(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics}) {
				if f.Check == "resolvers" {
					found = append(found, f)
				}
			}
			if len(found) != 1 || found[0].Level != tc.level || !strings.Contains(found[0].What, tc.what) {
				t.Errorf("%s\nwant level %v with %q, got %v", tc.reason, tc.level, tc.what, found)
			}
		})
	}
}
