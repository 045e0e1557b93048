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
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/git"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/internal/resolvers/serve"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// operationsPage has the memory of both programs.
const operationsPage = root + "/docs/operations.md"

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
	checkMemory(t, "Memory", "/config/controller/deployment.yaml", bounds)
}

// TestMemoryOfResolvers is TestMemory for the program that answers ResolutionRequests.
func TestMemoryOfResolvers(t *testing.T) {
	const idle = 40 << 20 // measured
	checkMemory(t, "Memory of the resolvers", "/config/resolvers/deployment.yaml", map[string]int64{
		"repositories that git fetches":                   git.Memory,
		"answers of hosts above 256 KiB":                  dispatch.AnswerMemory,
		"other answers of hosts, 32 fetches at once":      dispatch.DefaultSlots * outbound.Copies * outbound.FreeBytes,
		"answers of registries above 64 KiB":              guard.Memory,
		"other answers of registries, 32 fetches at once": dispatch.DefaultSlots * guard.FreeMemory,
		"definitions that wait to be written, 32 at once": dispatch.DefaultSlots * resolvers.MaxContent,
		"the definition that is checked, one at a time":   content.Memory,
		"answers that are written":                        serve.WriteMemory,
		"definitions in the cache":                        dispatch.CacheMemory,
		"the resolvers without load":                      idle,
	})
}

// checkMemory compares a section of the page with the bounds of the code, and their sum with the limits of a Deployment.
func checkMemory(t *testing.T, title, deployment string, bounds map[string]int64) {
	t.Helper()
	page := read(t, operationsPage)
	_, section, _ := strings.Cut(page, "\n## "+title+"\n")
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
	limit := regexp.MustCompile(`name: GOMEMLIMIT\n\s+value: (\d+)MiB`).FindStringSubmatch(read(t, root+deployment))
	if limit == nil {
		t.Fatal("the Deployment has no GOMEMLIMIT in MiB")
	}
	if most, err := strconv.ParseInt(limit[1], 10, 64); err != nil || sum >= most {
		t.Errorf("the bounds are %d MiB together, and GOMEMLIMIT is %s MiB", sum, limit[1])
	}
}
