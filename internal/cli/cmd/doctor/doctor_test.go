package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

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
		"LeavingController": {
			reason: "it runs, but not for long",
			ill: func(h *hospital) {
				h.objects = append(h.objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tekton-pipelines"}})
				h.leave("tekton-pipelines")
			},
			check: "controller",
			level: Problem,
			what:  "namespace tekton-pipelines is being deleted, and the controller with it",
		},
		"OnlyTekton": {
			reason: "Tekton alone is no rival",
			ill: func(h *hospital) {
				h.replace(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "tekton-pipelines-controller"}})
			},
			check: "other controllers",
			level: OK,
			what:  "deployment tekton-pipelines-controller in namespace x runs all runs",
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
				h.objects = append(h.objects,
					settingsOf("tekton-pipelines-resolvers", "resolvers-feature-flags", map[string]string{"enable-cluster-resolver": "false", "x": "y"}))
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
				h.objects = append(h.objects, settingsOf("tekton-pipelines", "config-logging", map[string]string{"loglevel.webhook": "debug"}))
			},
			check: "settings",
			level: Warning,
			what:  "config-logging: loglevel.webhook",
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
		"WebhooksLeaving": {
			reason: "the namespace of the command is being deleted, which is no lack of rights",
			ill:    func(h *hospital) { h.webhook = terminating("tasks", "team") },
			check:  "webhooks",
			level:  Warning,
			what:   "namespace team is being deleted",
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
		"NoNamespace": {
			reason: "rights in a namespace that does not exist start no run",
			ill:    func(h *hospital) { h.remove(&corev1.Namespace{}) },
			check:  "your rights",
			level:  Warning,
			what:   "there is no namespace team",
		},
		"LeavingNamespace": {
			reason: "nor do those in one that is being deleted",
			ill:    func(h *hospital) { h.leave("team") },
			check:  "your rights",
			level:  Warning,
			what:   "namespace team is being deleted",
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
			for _, f := range Examine(context.Background(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics}) {
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
