package meter

import (
	"strings"
	"testing"
)

func TestSum(t *testing.T) {
	page := `# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",host="a",method="GET"} 12
rest_client_requests_total{code="409",host="a",method="PATCH"} 3
rest_client_requests_duration{code="409"} 100
other_total 7
`
	got, err := sum(strings.NewReader(page), "rest_client_requests_total{")
	if err != nil || got != 15 {
		t.Errorf("all responses of all methods, and nothing else: want 15, got %d, %v", got, err)
	}
	if _, err := sum(strings.NewReader(`x_total{a="b"} many`), "x_total{"); err == nil {
		t.Error("no error for a value that is not a number")
	}
}
