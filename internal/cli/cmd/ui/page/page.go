// Package page has the files of the web page of `sluice ui`, as a browser gets them.
package page

import (
	"embed"
	"fmt"
)

//go:embed index.html app.css app.js view.js
var files embed.FS

// File returns the content of a file of the page. It returns an error if there is no file with this name.
func File(name string) ([]byte, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read file %q of the page: %w", name, err)
	}
	return text, nil
}
