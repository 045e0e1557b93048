package taskrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// marker is in every place where a user may keep a secret.
const marker = "hunter2-hunter2"

// confidential is a run with the marker in a variable of a step, in its script, and in a param.
func confidential(tr *v1.TaskRun) {
	spec := tr.Spec.TaskSpec
	spec.Params = []v1.ParamSpec{{Name: "token", Type: v1.TypeString}}
	spec.Steps[0].Env = []corev1.EnvVar{{Name: "TOKEN", Value: marker}}
	spec.Steps[1].Script = "echo " + marker
	spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}}}
	tr.Spec.Params = []v1.Param{{Name: "token", Value: v1.StringValue(marker)}}
	tr.Spec.ServiceAccountName = "bot"
}

// holder is a service account with a secret that holds the marker.
func holder(kind corev1.SecretType) []client.Object {
	s := secret("s", kind, "tekton.dev/git-0", "username")
	s.Data["password"] = []byte(marker)
	return []client.Object{account("bot", "s"), s}
}

// TestSecretsAreNotTold drives runs into everything that keeps one from its pod, and looks for what they hold in the
// condition, in the events, in the error that is logged, and in the log itself.
func TestSecretsAreNotTold(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	refuse := func(err error) interceptor.Funcs {
		return interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return err }}
	}
	cases := map[string]struct {
		reason string
		change func(*v1.TaskRun)
		server interceptor.Funcs
		world  func(*world)
		kind   corev1.SecretType
		want   string
	}{
		"Starts": {
			reason: "nothing is wrong",
			change: func(*v1.TaskRun) {},
			world:  func(*world) {},
			kind:   corev1.SecretTypeBasicAuth,
			want:   "Unknown Pending",
		},
		"Refused": {
			reason: "a policy refuses the pod",
			change: func(*v1.TaskRun) {},
			server: refuse(apierrors.NewForbidden(pods, "build-pod", errors.New("violates PodSecurity"))),
			world:  func(*world) {},
			kind:   corev1.SecretTypeBasicAuth,
			want:   "False PodAdmissionFailed",
		},
		"Away": {
			reason: "the API server does not answer",
			change: func(*v1.TaskRun) {},
			server: refuse(errors.New("connection refused")),
			world:  func(*world) {},
			kind:   corev1.SecretTypeBasicAuth,
			want:   "none",
		},
		"KnownHosts": {
			reason: "the secret is not as it has to be",
			change: func(*v1.TaskRun) {},
			world:  func(w *world) { w.flags(func(f *config.Flags) { f.RequireKnownHosts = true }) },
			kind:   corev1.SecretTypeSSHAuth,
			want:   "False",
		},
		"LogAccess": {
			reason: "results cannot come back",
			change: func(*v1.TaskRun) {},
			world: func(w *world) {
				w.flags(func(f *config.Flags) { f.ResultsFrom = config.SidecarLogs })
				w.allowed = false
			},
			kind: corev1.SecretTypeBasicAuth,
			want: "False TaskRunResultsLogAccessDenied",
		},
		"MissingParam": {
			reason: "a param has no value",
			change: func(tr *v1.TaskRun) {
				tr.Spec.TaskSpec.Params = append(tr.Spec.TaskSpec.Params, v1.ParamSpec{Name: "more"})
			},
			world: func(*world) {},
			kind:  corev1.SecretTypeBasicAuth,
			want:  "False TaskRunValidationFailed",
		},
		"UnknownElement": {
			reason: "a step refers to an element that an array does not have",
			change: func(tr *v1.TaskRun) {
				tr.Spec.Params = append(tr.Spec.Params, v1.Param{Name: "few", Value: v1.ArrayValue("one")})
				tr.Spec.TaskSpec.Steps[0].Args = []string{"$(params.few[1])"}
			},
			world: func(*world) {},
			kind:  corev1.SecretTypeBasicAuth,
			want:  "False TaskRunValidationFailed",
		},
		"Image": {
			reason: "an image is not to be had",
			change: func(tr *v1.TaskRun) { tr.Spec.TaskSpec.Steps[0].Script = "" },
			world: func(w *world) {
				w.images["busybox:1"] = &image.Error{Step: "spec.steps[0]", Image: "busybox:1", Why: "it is not there", Do: "correct it"}
			},
			kind: corev1.SecretTypeBasicAuth,
			want: "False TaskRunImagePullFailed",
		},
		"Panics": {
			reason: "the controller panics",
			change: func(*v1.TaskRun) {},
			server: interceptor.Funcs{Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
				panic(fmt.Sprint("cannot make ", marker, o.GetName()))
			}},
			world: func(*world) {},
			kind:  corev1.SecretTypeBasicAuth,
			want:  "Unknown InternalError",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(confidential, tc.change)
			w := newWorld(t, append(holder(tc.kind), tr), tc.server)
			tc.world(w)
			recorder := events.NewFakeRecorder(100)
			w.deps.Recorder = recorder
			w.Reconciler = NewReconciler(w.deps)
			var told bytes.Buffer
			ctx := log.IntoContext(t.Context(), logr.FromSlogHandler(slog.NewJSONHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug})))
			func() {
				defer func() { _ = recover() }() // what a panic says is the controller-runtime's to log
				_, err := w.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(tr)})
				fmt.Fprintln(&told, err)
			}()
			now := fetch(t, w, tr, &v1.TaskRun{})
			if got := reason(now); !strings.HasPrefix(got, tc.want) {
				t.Fatalf("%s: want %s, got %s: %+v", tc.reason, tc.want, got, now.Status.Condition())
			}
			fmt.Fprintf(&told, "%+v\n", now.Status.Conditions)
			for len(recorder.Events) > 0 {
				fmt.Fprintln(&told, <-recorder.Events)
			}
			if strings.Contains(told.String(), marker) {
				t.Errorf("%s: want nothing of what the run holds in\n%s", tc.reason, told.String())
			}
		})
	}
}

// flags changes the flags in force.
func (w *world) flags(change func(*config.Flags)) {
	flags := config.Default().Flags
	change(&flags)
	w.store.SetFlags(flags)
}
