package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// claimOf returns a claim that a TaskRun with this name and UID owns; without a UID it has no owner.
func claimOf(owner, uid string, deleted bool) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "claim"}}
	if uid != "" {
		run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: owner, UID: types.UID(uid)}}
		c.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(run, v1.GroupVersion.WithKind(v1.KindTaskRun))}
	}
	if deleted {
		at := metav1.NewTime(time.Unix(1_700_000_000, 0))
		c.DeletionTimestamp, c.Finalizers = &at, []string{"kubernetes.io/pvc-protection"}
	}
	return c
}

// TestCreate: an object under the wanted name is adopted if it is this run's, waited for if it will be gone, and refused
// otherwise.
func TestCreate(t *testing.T) {
	group := schema.GroupResource{Resource: "persistentvolumeclaims"}
	type outcome string
	const (
		created, adopted, waits, waitsForQuota = outcome("created"), outcome("adopted"), outcome("waits"), outcome("waits for a quota")
		refused, fails                         = outcome("refused"), outcome("fails")
	)
	cases := map[string]struct {
		reason       string
		found        *corev1.PersistentVolumeClaim
		answer       error
		adoptDeleted bool
		want         outcome
		says         string
	}{
		"New": {
			reason: "a name that is free is taken",
			want:   created,
		},
		"Own": {
			reason: "an earlier reconcile created it and could not record it",
			found:  claimOf("build", "uid", false),
			want:   adopted,
		},
		"OwnDeleted": {
			reason: "it will be gone, and then another can be created",
			found:  claimOf("build", "uid", true),
			want:   waits,
			says:   "still being deleted",
		},
		"OwnDeletedAdopted": {
			reason:       "one that may have begun to work is not created twice",
			found:        claimOf("build", "uid", true),
			adoptDeleted: true,
			want:         adopted,
		},
		"EarlierRun": {
			reason: "the garbage collector will delete it",
			found:  claimOf("build", "other", false),
			want:   waits,
			says:   "of an earlier run of the same name",
		},
		"EarlierRunDeleted": {
			reason:       "one of another run is never adopted",
			found:        claimOf("build", "other", true),
			adoptDeleted: true,
			want:         waits,
			says:         "still being deleted",
		},
		"OtherRun": {
			reason: "one of another run does not go away",
			found:  claimOf("test", "other", false),
			want:   refused,
			says:   "does not belong to this TaskRun (UID uid)",
		},
		"NoOwner": {
			reason: "a name is no proof",
			found:  claimOf("", "", false),
			want:   refused,
			says:   "delete it, or run under another name",
		},
		"NoOwnerDeleted": {
			reason: "any object that is being deleted is waited for",
			found:  claimOf("", "", true),
			want:   waits,
			says:   "still being deleted",
		},
		"Quota": {
			reason: "a quota can be raised, or others end",
			answer: apierrors.NewForbidden(group, "claim", errors.New("exceeded quota: small")),
			want:   waitsForQuota,
			says:   "exceeded quota: small",
		},
		"Rejected": {
			reason: "the same object is refused again",
			answer: apierrors.NewBadRequest("no such class"),
			want:   refused,
			says:   `the API server refuses claim "claim"`,
		},
		"NamespaceGone": {
			reason: "nothing can be created there again",
			answer: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "ci"),
			want:   refused,
			says:   "not found",
		},
		"QuotaFullOfItself": {
			reason: "an object of this run that counts in the quota is adopted, and not waited for",
			found:  claimOf("build", "uid", false),
			answer: apierrors.NewForbidden(group, "claim", errors.New("exceeded quota: small")),
			want:   adopted,
		},
		"RejectedAfterItWasCreated": {
			reason: "a policy that is newer than an object of this run does not end what runs already",
			found:  claimOf("build", "uid", false),
			answer: apierrors.NewForbidden(group, "claim", errors.New("admission webhook denied the request")),
			want:   adopted,
		},
		"Transient": {
			reason: "the next try may succeed",
			answer: apierrors.NewInternalError(errors.New("no leader")),
			want:   fails,
			says:   `cannot create claim "claim"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := corev1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			builder := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if tc.answer != nil {
						return tc.answer
					}
					return c.Create(ctx, o, opts...)
				},
			})
			if tc.found != nil {
				builder = builder.WithObjects(tc.found)
			}
			c := builder.Build()
			run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "build", UID: "uid"}}
			kind := ChildKind[*corev1.PersistentVolumeClaim]{
				Noun: "claim", New: func() *corev1.PersistentVolumeClaim { return &corev1.PersistentVolumeClaim{} }, AdoptDeleted: tc.adoptDeleted,
			}
			creation, err := Create(t.Context(), Owner{Client: c, Live: c, Kind: v1.KindTaskRun, Run: run}, kind, claimOf("build", "uid", false))
			got, said := created, creation.Waiting+creation.Refused
			switch {
			case err != nil:
				got, said = fails, err.Error()
			case creation.Refused != "":
				got = refused
			case creation.Quota:
				got = waitsForQuota
			case creation.Waiting != "":
				got = waits
			case creation.Adopted:
				got = adopted
			}
			if got != tc.want || !strings.Contains(said, tc.says) {
				t.Errorf("%s: want %s with %q, got %s with %q", tc.reason, tc.want, tc.says, got, said)
			}
		})
	}
}

// TestCreateAmends: an object that the API server refused is changed and sent once more, if its kind can do that.
func TestCreateAmends(t *testing.T) {
	refusal := apierrors.NewInvalid(schema.GroupKind{Kind: "PersistentVolumeClaim"}, "claim", nil)
	cases := map[string]struct {
		reason string
		amend  func(err error, refused *corev1.PersistentVolumeClaim) bool
		// refuses is how often the API server refuses the object.
		refuses int
		sent    int
		refused bool
	}{
		"Amended": {
			reason: "the changed object is accepted",
			amend: func(_ error, c *corev1.PersistentVolumeClaim) bool {
				c.Labels = map[string]string{"a": "b"}
				return true
			},
			refuses: 1,
			sent:    2,
		},
		"AmendedOnce": {
			reason:  "a second refusal counts",
			amend:   func(error, *corev1.PersistentVolumeClaim) bool { return true },
			refuses: 2,
			sent:    2,
			refused: true,
		},
		"NothingToAmend": {
			reason:  "the same object would be refused again",
			amend:   func(error, *corev1.PersistentVolumeClaim) bool { return false },
			refuses: 1,
			sent:    1,
			refused: true,
		},
		"Accepted": {
			reason: "an accepted object stays as it is",
			amend:  func(error, *corev1.PersistentVolumeClaim) bool { return true },
			sent:   1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sent := 0
			c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if sent++; sent <= tc.refuses {
						return refusal
					}
					return c.Create(ctx, o, opts...)
				},
			}).Build()
			run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "build", UID: "uid"}}
			kind := ChildKind[*corev1.PersistentVolumeClaim]{
				Noun: "claim", New: func() *corev1.PersistentVolumeClaim { return &corev1.PersistentVolumeClaim{} }, Amend: tc.amend,
			}
			creation, err := Create(t.Context(), Owner{Client: c, Live: c, Kind: v1.KindTaskRun, Run: run}, kind, claimOf("build", "uid", false))
			if err != nil || sent != tc.sent || (creation.Refused != "") != tc.refused {
				t.Errorf("%s: want it sent %d times, and refused %v; got %d, %q, %v", tc.reason, tc.sent, tc.refused, sent, creation.Refused, err)
			}
			if stored := creation.Object; name == "Amended" && stored.Labels["a"] != "b" {
				t.Errorf("%s: want the change stored, got labels %v", tc.reason, stored.Labels)
			}
		})
	}
}
