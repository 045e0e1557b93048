package report

import (
	"fmt"

	"github.com/sluice-ci/sluice/test/load/bench/record"
)

// Limits for hostile objects. wantedAnswer is the maximum time in seconds until an object that is sent alone is admitted or
// refused. The same limit holds for the controller's part of it. wantedPeak is the maximum memory of the controller, in
// bytes, while all objects are sent at once.
const (
	wantedAnswer = 1.0
	wantedPeak   = 256 << 20
)

// hostile returns the tables of hostile objects: the answers to each, and the measured values beside their limits.
func hostile(lines []Line) []table {
	const wantedYes = "yes"
	answers := table{title: "Hostile objects: the API server's answer, and seconds until it came", text: 2,
		head: []string{
			"what", "answer", "size", "alone, dry run", "of it webhooks", "without a schema", "all at once, dry run", "all at once, create",
		}}
	limits := table{title: "Limits while hostile objects are judged", text: 1, head: []string{"what", "wanted", "measured"}}
	for _, l := range lines {
		h := l.Hostile
		if h == nil {
			continue
		}
		slowest, longest := 0.0, 0.0
		for _, o := range h.Objects {
			slowest, longest = max(slowest, o.Alone.Seconds), max(longest, o.Webhooks)
			answers.rows = append(answers.rows, []string{
				o.What,
				verdict(o),
				kilobytes(o.Bytes),
				places(o.Alone),
				fmt.Sprintf("%.2f", o.Webhooks),
				places(o.Bare),
				places(o.DryRun),
				places(o.Create),
			})
		}
		limits.rows = append(limits.rows,
			[]string{"slowest answer to a hostile object alone", fmt.Sprintf("%.2f s", wantedAnswer), fmt.Sprintf("%.2f s", slowest)},
			[]string{"of it, until the controller has judged it", fmt.Sprintf("%.2f s", wantedAnswer), fmt.Sprintf("%.2f s", longest)},
			[]string{"controller's peak memory", mebibytes(wantedPeak), mebibytes(l.Peak)},
			[]string{fmt.Sprintf("a task takes %d MB of results: its run ends", h.FloodBytes/1e6), wantedYes, h.Flood},
			[]string{"another tenant's run is admitted meanwhile", wantedYes, fmt.Sprintf("after %.2f s", h.Admitted)},
			[]string{"another tenant's run ends meanwhile", wantedYes, fmt.Sprintf("after %.2f s", h.Done)})
	}
	return []table{answers, limits}
}

// verdict returns the answer in one word, or each of the three answers if they differ.
func verdict(o record.HostileObject) string {
	alone, dryRun, create := o.Alone.Verdict(), o.DryRun.Verdict(), o.Create.Verdict()
	if alone == dryRun && dryRun == create {
		return alone
	}
	return alone + ", " + dryRun + ", " + create
}

func places(a record.Answer) string { return fmt.Sprintf("%.2f", a.Seconds) }
