package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/config"
)

func TestCommand(t *testing.T) {
	run := func(h *hospital, args ...string) (string, error) {
		var stdout, stderr bytes.Buffer
		o := &Options{
			Terminal: terminal.Plain(nil, &stdout, &stderr),
			Source:   cluster.Fixed{Cluster: h.cluster(t)},
			Readers:  Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics},
			Output:   "table",
		}
		if len(args) > 0 {
			o.Output = "json"
		}
		err := o.Run(context.Background())
		return stdout.String(), err
	}
	h := healthy()
	h.webhook = errors.New("there-is-no-such-param")
	if out, err := run(h); err != nil || !strings.HasSuffix(out, "no problems\n") {
		t.Errorf("want all to be well, got %v\n%s", err, out)
	}
	h.remove(&appsv1.Deployment{})
	out, err := run(h)
	if clierror.CodeOf(err) != clierror.RunFailed || !strings.Contains(out, "✗ controller ") ||
		!strings.Contains(out, "fix: sluice install\n") || !strings.HasSuffix(out, "1 problem, 0 warnings\n") {
		t.Errorf("want the problem, what to do, and the status: %v\n%s", err, out)
	}
	out, err = run(h, "json")
	var got report
	if json.Unmarshal([]byte(out), &got) != nil || got.Problems != 1 || clierror.CodeOf(err) != clierror.RunFailed {
		t.Errorf("want the same for programs, got %v\n%s", err, out)
	}
}

func TestNeededLog(t *testing.T) {
	if got := neededLog(config.Flags{MaxResultSize: 1572863}); got != streamBytes {
		t.Errorf("the largest results need %d bytes, got %d", streamBytes, got)
	}
	if got := neededLog(config.Flags{MaxResultSize: 4096}); got > 1<<17 {
		t.Errorf("small results do not need %d bytes", got)
	}
}
