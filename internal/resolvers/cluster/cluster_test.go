package cluster_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/resolvers/cluster"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
	"github.com/sluice-ci/sluice/test/testutil/resolving"
)

func reader(t *testing.T) client.Reader {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1.AddToScheme, v1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	meta := func(namespace string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: namespace, Name: "build", UID: "u1", Labels: map[string]string{"app": "x"}, ResourceVersion: "7",
		}
	}
	task := &v1.Task{ObjectMeta: meta("shared")}
	task.Spec.Description = "from shared"
	own := &v1.Task{ObjectMeta: meta("team")}
	own.Spec.Description = "from team"
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(task, own, &v1.Pipeline{ObjectMeta: meta("shared")},
		&v1beta1.StepAction{ObjectMeta: meta("shared")}, &v1.Task{ObjectMeta: meta("secret")}).Build()
}

func TestClusterResolver(t *testing.T) {
	cases := map[string]struct {
		reason string
		params map[string]string
		policy resolve.ClusterPolicy
		// kind and description are those of the definition, and says is in the message if there is none.
		kind, description, says string
	}{
		"Task": {
			reason:      "A Task of another namespace.",
			params:      map[string]string{"name": "build", "namespace": "shared"},
			kind:        "Task",
			description: "from shared",
		},
		"OwnNamespace": {
			reason:      "The namespace of the request is the default.",
			params:      map[string]string{"name": "build"},
			kind:        "Task",
			description: "from team",
		},
		"Pipeline": {
			reason: "The kind is a param.",
			params: map[string]string{"name": "build", "namespace": "shared", "kind": "pipeline"},
			kind:   "Pipeline",
		},
		"StepAction": {
			reason: "StepActions as well.",
			params: map[string]string{"name": "build", "namespace": "shared", "kind": "stepaction"},
			kind:   "StepAction",
		},
		"DefaultKind": {
			reason: "A setting has the default of the kind.",
			params: map[string]string{"name": "build", "namespace": "shared"},
			policy: resolve.ClusterPolicy{DefaultKind: "pipeline"},
			kind:   "Pipeline",
		},
		"Blocked": {
			reason: "The lists of the controller apply.",
			params: map[string]string{"name": "build", "namespace": "secret"},
			policy: resolve.ClusterPolicy{Blocked: []string{"secret"}},
			says:   `cannot read from namespace "secret"`,
		},
		"BlockedAndAbsent": {
			reason: "A refusal does not reveal whether the definition exists.",
			params: map[string]string{"name": "absent", "namespace": "secret"},
			policy: resolve.ClusterPolicy{Blocked: []string{"secret"}},
			says:   `cannot read from namespace "secret"`,
		},
		"NotAllowed": {
			reason: "Only allowed namespaces, if there are any.",
			params: map[string]string{"name": "build", "namespace": "secret"},
			policy: resolve.ClusterPolicy{Allowed: []string{"shared"}},
			says:   `cannot read from namespace "secret"`,
		},
		"Absent": {
			reason: "What is missing is named.",
			params: map[string]string{"name": "absent", "namespace": "shared"},
			says:   `cannot get Task "absent" of namespace "shared"`,
		},
		"NoName": {
			reason: "A name is needed.",
			says:   "name is missing",
		},
		"WrongKind": {
			reason: "Other kinds are not read.",
			params: map[string]string{"name": "build", "kind": "secret"},
			says:   `cannot use param "kind": it is "secret", want one of task, pipeline, stepaction`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			resolver := cluster.New(reader(t), func() resolve.ClusterPolicy { return tc.policy })
			_, resource, err := resolving.Call(t.Context(), resolver, resolving.Params(tc.params), nil, nil)
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Fatalf("%s\nwant error with %q, got %v", tc.reason, tc.says, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s\nunexpected error %v", tc.reason, err)
			}
			var got struct {
				Kind     string
				Metadata map[string]any
				Spec     struct{ Description string }
			}
			if err := yaml.Unmarshal(resource.Content, &got); err != nil || content.Check(resource.Content) != nil {
				t.Fatalf("%s\nwant a definition, got %q, %v", tc.reason, resource.Content, err)
			}
			stored := got.Metadata["uid"] != nil || got.Metadata["resourceVersion"] != nil
			if stored || got.Kind != tc.kind || got.Spec.Description != tc.description {
				t.Errorf("%s\nwant %s %q, got %s", tc.reason, tc.kind, tc.description, resource.Content)
			}
			if !strings.HasPrefix(resource.Source.URI, "/apis/tekton.dev/") || len(resource.Source.Digest["sha256"]) != 64 {
				t.Errorf("%s\nwant the source, got %v", tc.reason, resource.Source)
			}
		})
	}
}
