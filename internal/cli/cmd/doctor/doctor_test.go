package doctor

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiversion "k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// hospital is a cluster in which a test creates a problem.
type hospital struct {
	version  apiversion.Info
	kinds    []string
	objects  []client.Object
	mayNot   map[string]bool // by user and resource
	webhook  error
	configz  string
	cannot   error // the error of reading configz
	noReview error
	// mark is the webhook of an installation beside Tekton.
	mark func(*v1.TaskRun) error
}

// healthy returns a cluster without problems.
func healthy() *hospital {
	return &hospital{
		version: apiversion.Info{Minor: "37", GitVersion: "v1.37.2"},
		kinds:   []string{"Task", "TaskRun", "Pipeline", "PipelineRun", "StepAction"},
		objects: []client.Object{
			&appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "tekton-pipelines",
					Name:      "sluice-controller",
					Labels:    map[string]string{"app.kubernetes.io/part-of": "sluice"},
				},
				Spec: appsv1.DeploymentSpec{
					Replicas: new(int32(1)),
					Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: "r/c:7"}}}},
				},
				Status: appsv1.DeploymentStatus{AvailableReplicas: 1, UpdatedReplicas: 1},
			},
			flags(map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"}),
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}},
		},
		mayNot:  map[string]bool{},
		webhook: apierrors.NewInvalid(schema.GroupKind{Kind: "Task"}, "x", nil),
		configz: `{"kubeletconfig":{"containerLogMaxSize":"10Mi"}}`,
	}
}

func flags(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: "feature-flags"}, Data: data}
}

func settingsOf(namespace, name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

// replace replaces the object of the same type.
func (h *hospital) replace(o client.Object) {
	for i := range h.objects {
		if reflect.TypeOf(h.objects[i]) == reflect.TypeOf(o) {
			h.objects[i] = o
			return
		}
	}
	h.objects = append(h.objects, o)
}

func (h *hospital) remove(o client.Object) {
	for i := range h.objects {
		if reflect.TypeOf(h.objects[i]) == reflect.TypeOf(o) {
			h.objects = append(h.objects[:i:i], h.objects[i+1:]...)
			return
		}
	}
}

func (h *hospital) deployment() *appsv1.Deployment { return h.objects[0].(*appsv1.Deployment) }

func (h *hospital) cluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	kube := kubefake.NewClientset()
	discovery := kube.Discovery().(*fakediscovery.FakeDiscovery)
	discovery.FakedServerVersion = &h.version
	resources := map[string]*metav1.APIResourceList{}
	for _, kind := range h.kinds {
		gv := "tekton.dev/v1"
		if kind == "StepAction" {
			gv = "tekton.dev/v1beta1"
		}
		if resources[gv] == nil {
			resources[gv] = &metav1.APIResourceList{GroupVersion: gv}
		}
		resources[gv].APIResources = append(resources[gv].APIResources, metav1.APIResource{Kind: kind})
	}
	for list := range maps.Values(resources) {
		discovery.Resources = append(discovery.Resources, list)
	}
	kube.PrependReactor("create", "subjectaccessreviews", func(a ktesting.Action) (bool, runtime.Object, error) {
		review := a.(ktesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		review.Status.Allowed = !h.mayNot[review.Spec.User+" "+review.Spec.ResourceAttributes.Namespace]
		return true, review, h.noReview
	})
	kube.PrependReactor("create", "selfsubjectaccessreviews", func(a ktesting.Action) (bool, runtime.Object, error) {
		review := a.(ktesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		review.Status.Allowed = !h.mayNot[review.Spec.ResourceAttributes.Resource]
		return true, review, nil
	})
	inner := fake.NewClientBuilder().WithScheme(known).WithObjects(h.objects...).Build()
	return &cluster.Cluster{Namespace: "team", Kube: kube, Client: interceptor.NewClient(inner, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if _, ok := o.(*v1.Task); ok {
				return h.webhook
			}
			if tr, ok := o.(*v1.TaskRun); ok && h.mark != nil {
				return h.mark(tr)
			}
			return c.Create(ctx, o, options...)
		},
	})}
}

func (h *hospital) read(context.Context, *cluster.Cluster, string) ([]byte, error) {
	return []byte(h.configz), h.cannot
}

const account = "system:serviceaccount:tekton-pipelines:sluice-controller "

func TestExamine(t *testing.T) {
	refused := errors.New("spec.steps[0].script: $(params.there-is-no-such-param)")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "tasks"}, "", errors.New("no"))
	cases := map[string]struct {
		reason string
		ill    func(*hospital)
		check  string
		level  Level
		what   string
	}{
		"Version": {
			reason: "the version is said",
			ill:    func(*hospital) {},
			check:  "cluster",
			level:  OK,
			what:   "v1.37.2: image volumes",
		},
		"NoVolumes": {
			reason: "an older one works more slowly",
			ill:    func(h *hospital) { h.version.Minor = "34+" },
			check:  "cluster",
			level:  Warning,
			what:   "an init container",
		},
		"TooOld": {
			reason: "one that lacks what is needed does not",
			ill:    func(h *hospital) { h.version.Minor = "29" },
			check:  "cluster",
			level:  Problem,
			what:   "older than 1.30",
		},
		"OddVersion": {
			reason: "a version that is none",
			ill:    func(h *hospital) { h.version.Minor = "x" },
			check:  "cluster",
			level:  Warning,
			what:   "cannot parse this version",
		},
		"NoKinds": {
			reason: "kinds that are missing are named",
			ill:    func(h *hospital) { h.kinds = []string{"Task", "StepAction"} },
			check:  "kinds",
			level:  Problem,
			what:   "TaskRun, Pipeline, PipelineRun",
		},
		"NoGroup": {
			reason: "so are all of them",
			ill:    func(h *hospital) { h.kinds = nil },
			check:  "kinds",
			level:  Problem,
			what:   "StepAction",
		},
		"Runs": {
			reason: "the controller is named with its image",
			ill:    func(*hospital) {},
			check:  "controller",
			level:  OK,
			what:   "in namespace tekton-pipelines: r/c:7",
		},
		"NoController": {
			reason: "there is none",
			ill:    func(h *hospital) { h.remove(&appsv1.Deployment{}) },
			check:  "controller",
			level:  Problem,
			what:   "is not installed",
		},
		"Elsewhere": {
			reason: "one in another namespace is found by its label",
			ill:    func(h *hospital) { h.deployment().Namespace = "ci" },
			check:  "controller",
			level:  OK,
			what:   "in namespace ci",
		},
		"Scaled": {
			reason: "one that was scaled down",
			ill:    func(h *hospital) { h.deployment().Spec.Replicas = new(int32(0)) },
			check:  "controller",
			level:  Problem,
			what:   "scaled down",
		},
		"NotReady": {
			reason: "one that does not come up",
			ill:    func(h *hospital) { h.deployment().Status.AvailableReplicas = 0 },
			check:  "controller",
			level:  Problem,
			what:   "no replica",
		},
		"HalfReady": {
			reason: "one of which a part is up",
			ill:    func(h *hospital) { h.deployment().Spec.Replicas = new(int32(2)) },
			check:  "controller",
			level:  Warning,
			what:   "1 of 2",
		},
		"Rival": {
			reason: "another one beside it",
			ill: func(h *hospital) {
				h.objects = append(h.objects, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "tekton-pipelines-controller"}})
			},
			check: "other controllers",
			level: Problem,
			what:  "in namespace x reconciles the same runs",
		},
		"Settings": {
			reason: "the limits in force are said",
			ill:    func(*hospital) {},
			check:  "settings",
			level:  OK,
			what:   "sidecar-logs: at most 976.6 KiB for a result",
		},
		"BadSetting": {
			reason: "a setting that is not used",
			ill:    func(h *hospital) { h.replace(flags(map[string]string{"max-result-size": "ten"})) },
			check:  "settings",
			level:  Problem,
			what:   `"ten"`,
		},
		"NoSettings": {
			reason: "the defaults hold",
			ill:    func(h *hospital) { h.remove(&corev1.ConfigMap{}) },
			check:  "settings",
			level:  Warning,
			what:   "the defaults apply",
		},
		"Policy": {
			reason: "a security setting that is not enforced is named first, with the place to change it",
			ill: func(h *hospital) {
				h.replace(flags(map[string]string{"trusted-resources-verification-no-match-policy": "fail"}))
			},
			check: "settings",
			level: Warning,
			what:  "SECURITY: Tekton enforces this key",
		},
		"Typo": {
			reason: "a key that nobody knows",
			ill:    func(h *hospital) { h.replace(flags(map[string]string{"max-results-size": "9"})) },
			check:  "settings",
			level:  Warning,
			what:   `did you mean "max-result-size"?`,
		},
		"OtherMap": {
			reason: "a ConfigMap that is not read",
			ill: func(h *hospital) {
				h.objects = append(h.objects, settingsOf("tekton-pipelines", "config-events", map[string]string{"sink": "http://sink"}))
			},
			check: "settings",
			level: Warning,
			what:  "config-events: sink",
		},
		"Resolvers": {
			reason: "one of the resolvers",
			ill: func(h *hospital) {
				h.objects = append(h.objects,
					settingsOf("tekton-pipelines-resolvers", "resolvers-feature-flags", map[string]string{"enable-cluster-resolver": "false"}))
			},
			check: "settings",
			level: Warning,
			what:  `blocked-namespaces of cluster-resolver-config to "*"`,
		},
		"SharedDefault": {
			reason: "a default in the namespace of the resolvers, which has no effect",
			ill: func(h *hospital) {
				h.objects = append(h.objects,
					settingsOf("tekton-pipelines-resolvers", "cluster-resolver-config", map[string]string{"default-namespace": "catalog"}))
			},
			check: "settings",
			level: Warning,
			what:  `"catalog": has no effect in namespace tekton-pipelines-resolvers`,
		},
		"BadPolicy": {
			reason: "a list of namespaces with a pattern",
			ill: func(h *hospital) {
				h.objects = append(h.objects,
					settingsOf("tekton-pipelines-resolvers", "cluster-resolver-config", map[string]string{"blocked-namespaces": "kube-*"}))
			},
			check: "settings",
			level: Problem,
			what:  `"kube-*" is not the name of a namespace`,
		},
		"Logs": {
			reason: "logs can be read",
			ill:    func(*hospital) {},
			check:  "log access",
			level:  OK,
			what:   "every namespace",
		},
		"NoLogs": {
			reason: "without the right runs fail",
			ill:    func(h *hospital) { h.mayNot = map[string]bool{account: true, account + "team": true} },
			check:  "log access",
			level:  Problem,
			what:   "may not read logs in namespace team",
		},
		"SomeLogs": {
			reason: "in one namespace only",
			ill:    func(h *hospital) { h.mayNot[account] = true },
			check:  "log access",
			level:  Warning,
			what:   "but not in every namespace",
		},
		"LogsNotNeeded": {
			reason: "where results do not come through logs it is not needed",
			ill: func(h *hospital) {
				h.replace(flags(nil))
				h.mayNot = map[string]bool{account: true, account + "team": true}
			},
			check: "log access",
			level: OK,
			what:  "annotation",
		},
		"NoReview": {
			reason: "who may not ask does not know",
			ill:    func(h *hospital) { h.noReview = errors.New("no") },
			check:  "log access",
			level:  Warning,
			what:   "cannot check whether the controller may read logs",
		},
		"Webhooks": {
			reason: "they refuse what they must",
			ill:    func(h *hospital) { h.webhook = refused },
			check:  "webhooks",
			level:  OK,
			what:   "the webhooks respond",
		},
		"NoWebhooks": {
			reason: "nobody refuses it",
			ill:    func(h *hospital) { h.webhook = nil },
			check:  "webhooks",
			level:  Warning,
			what:   "not called",
		},
		"WebhooksAway": {
			reason: "they cannot be reached",
			ill: func(h *hospital) {
				h.webhook = errors.New(`failed calling webhook "validate.sluice.dev": no endpoints`)
			},
			check: "webhooks",
			level: Problem,
			what:  "cannot reach the webhooks",
		},
		"WebhooksSecret": {
			reason: "who may not ask does not know",
			ill:    func(h *hospital) { h.webhook = forbidden },
			check:  "webhooks",
			level:  Warning,
			what:   "you may not create a Task",
		},
		"Rotation": {
			reason: "logs are kept for long enough",
			ill:    func(*hospital) {},
			check:  "log rotation",
			level:  OK,
			what:   "1 of 1 nodes",
		},
		"EarlyRotation": {
			reason: "logs are cut too early",
			ill:    func(h *hospital) { h.configz = `{"kubeletconfig":{"containerLogMaxSize":"1Mi"}}` },
			check:  "log rotation",
			level:  Problem,
			what:   "n1 at 1048576 bytes",
		},
		"SmallResults": {
			reason: "which does not matter for small results",
			ill: func(h *hospital) {
				h.configz = `{"kubeletconfig":{"containerLogMaxSize":"1Mi"}}`
				h.replace(flags(map[string]string{"results-from": "sidecar-logs"}))
			},
			check: "log rotation",
			level: OK,
			what:  "late enough",
		},
		"NoConfigz": {
			reason: "a kubelet that is not asked",
			ill:    func(h *hospital) { h.cannot = errors.New("forbidden") },
			check:  "log rotation",
			level:  Warning,
			what:   "on node n1: forbidden",
		},
		"OddConfigz": {
			reason: "an answer that is none",
			ill:    func(h *hospital) { h.configz = `{}` },
			check:  "log rotation",
			level:  Warning,
			what:   "containerLogMaxSize",
		},
		"Rights": {
			reason: "what the commands need",
			ill:    func(*hospital) {},
			check:  "your rights",
			level:  OK,
			what:   "namespace team",
		},
		"NoRights": {
			reason: "rights that are missing are named",
			ill:    func(h *hospital) { h.mayNot["pipelineruns"] = true },
			check:  "your rights",
			level:  Warning,
			what:   "create pipelineruns",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := healthy()
			tc.ill(h)
			var found []Finding
			for _, f := range Examine(context.Background(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published}) {
				if f.Check == tc.check {
					found = append(found, f)
				}
			}
			if len(found) == 0 || found[0].Level != tc.level || !strings.Contains(found[0].What, tc.what) {
				t.Fatalf("%s: want %s with %q, got %+v", tc.reason, tc.level, tc.what, found)
			}
			if found[0].Level == Problem && found[0].Fix == "" {
				t.Errorf("a problem without a fix: %+v", found[0])
			}
		})
	}
}
