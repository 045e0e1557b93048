//go:build integration

package integration

import (
	"context"
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const controller = "system:serviceaccount:tekton-pipelines:sluice-controller"

// right is something that one may do or not.
type right struct {
	verb, group, resource, subresource, namespace, name string
}

func (r right) String() string {
	resource := r.resource
	if r.subresource != "" {
		resource += "/" + r.subresource
	}
	if r.group != "" {
		resource += "." + r.group
	}
	return fmt.Sprintf("%s %s in %q", r.verb, resource, r.namespace)
}

// may asks the API server whether user has the right.
func may(ctx context.Context, user string, r right) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   user,
		Groups: []string{"system:authenticated", "system:serviceaccounts"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.subresource, Namespace: r.namespace, Name: r.name,
		},
	}}
	if err := shared.client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("cannot ask for a right: %w", err)
	}
	return review.Status.Allowed, nil
}

// wantRight waits until the API server knows of the right, or of its absence: its view of roles lags a little.
func wantRight(t *testing.T, user string, r right, want bool) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		allowed, err := may(ctx, user, r)
		if err == nil && allowed != want {
			err = fmt.Errorf("may %s %s: got %t, want %t", user, r, allowed, want)
		}
		return err
	})
}

// TestControllerMayDoItsWork lists what the controller needs.
func TestControllerMayDoItsWork(t *testing.T) {
	for _, r := range []right{
		{"list", "tekton.dev", "tasks", "", "", ""},
		{"watch", "tekton.dev", "pipelines", "", "", ""},
		{"watch", "tekton.dev", "taskruns", "", "", ""},
		{"create", "tekton.dev", "taskruns", "", "user", ""},
		{"patch", "tekton.dev", "taskruns", "status", "user", ""},
		{"patch", "tekton.dev", "taskruns", "", "user", ""},
		{"watch", "tekton.dev", "pipelineruns", "", "", ""},
		{"get", "tekton.dev", "pipelineruns", "", "user", ""},
		{"patch", "tekton.dev", "pipelineruns", "status", "user", ""},
		{"update", "tekton.dev", "taskruns", "finalizers", "user", ""},
		{"create", "", "pods", "", "user", ""},
		{"patch", "", "pods", "", "user", ""},
		{"watch", "", "pods", "", "", ""},
		{"delete", "", "pods", "", "user", ""},
		{"create", "", "persistentvolumeclaims", "", "user", ""},
		{"get", "", "secrets", "", "user", ""},
		{"get", "", "serviceaccounts", "", "user", ""},
		{"watch", "tekton.dev", "stepactions", "", "", ""},
		{"watch", "", "secrets", "", installation, ""},
		{"update", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", "", "sluice-defaults"},
		{"create", "events.k8s.io", "events", "", "user", ""},
		{"create", "authorization.k8s.io", "selfsubjectaccessreviews", "", "", ""},
		{"watch", "", "configmaps", "", installation, ""},
		{"create", "coordination.k8s.io", "leases", "", installation, ""},
		{"update", "coordination.k8s.io", "leases", "", installation, ""},
	} {
		t.Run(r.String(), func(t *testing.T) { wantRight(t, controller, r, true) })
	}
}

// TestControllerMayNotMore lists what an intruder in the controller would like to do.
func TestControllerMayNotMore(t *testing.T) {
	for _, r := range []right{
		{"get", "", "pods", "log", "user", ""},
		{"create", "", "pods", "exec", "user", ""},
		{"delete", "", "nodes", "", "", ""},
		{"list", "", "secrets", "", "user", ""},
		{"watch", "", "secrets", "", "", ""},
		{"update", "", "secrets", "", "user", ""},
		{"create", "", "secrets", "", installation, ""},
		{"delete", "", "persistentvolumeclaims", "", "user", ""},
		{"create", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "", ""},
		{"list", "", "configmaps", "", "user", ""},
		{"update", "", "configmaps", "", installation, ""},
		{"create", "tekton.dev", "pipelineruns", "", "user", ""},
		{"update", "tekton.dev", "taskruns", "", "user", ""},
		{"patch", "tekton.dev", "pipelineruns", "", "user", ""},
		{"delete", "tekton.dev", "taskruns", "", "user", ""},
		{"patch", "tekton.dev", "tasks", "", "user", ""},
		{"create", "", "serviceaccounts", "token", "user", ""},
		{"create", "rbac.authorization.k8s.io", "rolebindings", "", "user", ""},
		{"list", "", "nodes", "", "", ""},
	} {
		t.Run(r.String(), func(t *testing.T) { wantRight(t, controller, r, false) })
	}
}

// TestLogAccessIsGrantedOnItsOwn runs the line that the proposal gives, and takes the right away again.
func TestLogAccessIsGrantedOnItsOwn(t *testing.T) {
	const folder = "config/enable-log-access-to-controller/"
	read := right{"get", "", "pods", "log", "user", ""}
	wantRight(t, controller, read, false)

	mustKubectl(t, "apply", "-f", folder)
	t.Cleanup(func() {
		if _, _, err := kubectl(context.Background(), "", "delete", "--ignore-not-found", "-f", folder); err != nil {
			t.Errorf("cannot take the right away: %v", err)
		}
	})
	wantRight(t, controller, read, true)
	for _, more := range []right{
		{"list", "", "pods", "log", "user", ""},
		{"create", "", "pods", "exec", "user", ""},
		{"list", "", "secrets", "", "user", ""},
	} {
		wantRight(t, controller, more, false)
	}

	mustKubectl(t, "delete", "-f", folder)
	wantRight(t, controller, read, false)
}

// bindUsers gives the users "viewer" and "editor" the aggregated roles in a namespace.
func bindUsers(t *testing.T, namespace string) {
	t.Helper()
	for user, role := range map[string]string{"viewer": "sluice-aggregate-view", "editor": "sluice-aggregate-edit"} {
		create(t, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})
	}
}

// TestUserRoles shows what the aggregated roles give: to those who edit, everything but the statuses.
func TestUserRoles(t *testing.T) {
	namespace := newNamespace(t)
	bindUsers(t, namespace)
	wantRight(t, "viewer", right{"list", "tekton.dev", "taskruns", "", namespace, ""}, true)
	wantRight(t, "viewer", right{"create", "tekton.dev", "taskruns", "", namespace, ""}, false)
	wantRight(t, "editor", right{"create", "tekton.dev", "pipelineruns", "", namespace, ""}, true)
	wantRight(t, "editor", right{"delete", "tekton.dev", "tasks", "", namespace, ""}, true)
	wantRight(t, "editor", right{"patch", "tekton.dev", "taskruns", "status", namespace, ""}, false)

	for role, label := range map[string]string{"sluice-aggregate-view": "view", "sluice-aggregate-edit": "edit"} {
		got := mustKubectl(t, "get", "clusterrole", role, "-o",
			`jsonpath={.metadata.labels.rbac\.authorization\.k8s\.io/aggregate-to-`+label+`}`)
		if got != "true" {
			t.Errorf("%s must be aggregated to %s, got label %q", role, label, got)
		}
	}
}
