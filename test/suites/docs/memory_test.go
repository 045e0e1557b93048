package docs

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/pipelinerun"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/resolve/image/queue"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// TestMemory: the page must have the memory limits of the code, and their sum must be less than the memory limit of the Go
// runtime.
func TestMemory(t *testing.T) {
	const idle = 60 << 20 // measured
	bounds := map[string]int64{
		"bodies and answers of the webhooks":                        admission.BodiesMemory,
		"objects that the webhooks decode, five requests at a time": admission.DecodedMemory,
		"results that reconciles of PipelineRuns load":              pipelinerun.Memory,
		"results of TaskRuns that are read, or wait to be written":  collect.Memory,
		"logs that are followed, 500 at a time":                     collect.DefaultMaxFollowers * collect.FollowerMemory,
		"answers of registries above 64 KiB":                        guard.Memory,
		"other answers of registries, 64 lookups at once":           queue.DefaultWorkers * guard.FreeMemory,
		"manifests that are remembered":                             image.CacheMemory,
		"the controller without load":                               idle,
	}
	page := read(t, operationsPage)
	_, section, _ := strings.Cut(page, "\n## Memory\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| (\d+) MiB \|`).FindAllStringSubmatch(section, -1)
	if len(rows) != len(bounds) {
		t.Errorf("want a row for each of %d bounds, got %d", len(bounds), len(rows))
	}
	var sum int64
	for _, row := range rows {
		bytes, ok := bounds[row[1]]
		mib := (bytes + 1<<20 - 1) >> 20
		if sum += mib; !ok || strconv.FormatInt(mib, 10) != row[2] {
			t.Errorf("row %q says %s MiB, the code allows %d", row[1], row[2], mib)
		}
	}
	if !strings.Contains(section, "Together that is "+strconv.FormatInt(sum, 10)+" MiB") {
		t.Errorf("the page does not say that the bounds are %d MiB together", sum)
	}
	limit := regexp.MustCompile(`name: GOMEMLIMIT\n\s+value: (\d+)MiB`).FindStringSubmatch(read(t, root+"/config/controller/deployment.yaml"))
	if limit == nil {
		t.Fatal("the Deployment has no GOMEMLIMIT in MiB")
	}
	if most, err := strconv.ParseInt(limit[1], 10, 64); err != nil || sum >= most {
		t.Errorf("the bounds are %d MiB together, and GOMEMLIMIT is %s MiB", sum, limit[1])
	}
}
