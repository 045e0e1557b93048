//go:build fault

package fault

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestUpgradeUnderway replaces the controller with another version while runs are in progress and others are created. All of
// them must be whole in the end, and none may be refused.
func TestUpgradeUnderway(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	image := anotherController(t)
	held, want := holdSmall(t, n)
	spec, expected := small()

	ctx, stop := context.WithCancel(t.Context())
	var creating sync.WaitGroup
	var created []*v1.TaskRun
	var refusals []error
	creating.Go(func() {
		ticker := time.NewTicker(500 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &spec}}
			run.Namespace, run.GenerateName = n.Name, "upgrade-"
			if err := n.Client.Create(context.WithoutCancel(ctx), run); err != nil {
				refusals = append(refusals, err)
				continue
			}
			created = append(created, run)
		}
	})
	setImage(t, n, image)
	held.letGo(t)
	stop()
	creating.Wait()

	endsWithin(t, n, held.TaskRun, deadline+slack)
	wantWhole(t, held.TaskRun, want)
	if len(created) < 5 || len(refusals) > 0 {
		t.Errorf("want runs to be created all the time, got %d, and %d refused: %v", len(created), len(refusals), refusals)
	}
	for _, run := range created {
		n.Finish(t, run)
		wantWhole(t, run, expected)
	}
}

// anotherController builds and pushes an image of the controller that differs from the deployed one only by its version, and
// returns its name.
func anotherController(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "hack/images.sh")
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "SLUICE_VERSION=test-upgrade-"+strconv.FormatInt(time.Now().Unix(), 10))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot build another controller: %v", err)
	}
	for image := range strings.FieldsSeq(string(out)) {
		if strings.Contains(image, "/controller@") {
			return image
		}
	}
	t.Fatalf("hack/images.sh names no image of the controller: %q", out)
	return ""
}

// setImage sets the controller's image until the test ends.
func setImage(t *testing.T, n *suite.Namespace, image string) {
	t.Helper()
	before := ""
	set := func(ctx context.Context, to string) error {
		return n.UpdateController(ctx, func(d *appsv1.Deployment) {
			before = d.Spec.Template.Spec.Containers[0].Image
			d.Spec.Template.Spec.Containers[0].Image = to
		})
	}
	if err := set(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	if before == image {
		t.Fatalf("the image of the controller has not changed: %s", image)
	}
	old := before
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
		defer cancel()
		if err := set(ctx, old); err != nil {
			t.Error(err)
		}
	})
}
