//go:build integration

package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	sluice "github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// impatient is a user who interrupts the command when it prints that the run was created.
type impatient struct {
	bytes.Buffer

	interrupt func()
}

func (u *impatient) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "created in namespace") {
		u.interrupt()
	}
	return u.Buffer.Write(p)
}

// TestInterrupted: an interrupted command ends immediately with status 130 and prints how to follow the run, which continues.
func TestInterrupted(t *testing.T) {
	c := connect(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cli-"}}
	if err := c.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Client.Delete(context.Background(), namespace) })
	file := filepath.Join(t.TempDir(), "run.yaml")
	const text = "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {name: slow}\nspec: {taskSpec: {steps: " +
		"[{image: busybox, script: sleep 1000}]}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	user := &impatient{interrupt: cancel}
	code := sluice.Main(ctx, terminal.Plain(nil, &bytes.Buffer{}, user), []string{"run", "-f", file, "-n", namespace.Name})
	if code != clierror.Interrupted {
		t.Errorf("the exit status of an interrupted command must be %d: got %d", clierror.Interrupted, code)
	}
	for _, want := range []string{
		"interrupted; taskrun/slow continues\n",
		"hint: to follow it: sluice logs taskrun/slow -n " + namespace.Name + " -f\n",
		"hint: to cancel it: sluice cancel taskrun/slow -n " + namespace.Name + "\n",
	} {
		if !strings.Contains(user.String(), want) {
			t.Errorf("there is no %q in\n%s", want, user.String())
		}
	}
	var run v1.TaskRun
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace.Name, Name: "slow"}, &run); err != nil || run.Spec.Status != "" {
		t.Errorf("the run must continue: %v, spec.status %q", err, run.Spec.Status)
	}
}
