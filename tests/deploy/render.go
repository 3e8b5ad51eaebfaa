// Renders templates as Helm and Argo CD do, which use Go's templates with the functions of sprig, and evaluates conditions as Argo CD
// does, with expr. Reads and writes JSON: {name: {"template" or "condition": text, "data": {…}}} -> {name: {"result" or "error": …}}.
// With Debian's packages: GO111MODULE=off GOPATH=/usr/share/gocode go run render.go
package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/antonmedv/expr"
)

type task struct {
	Template  string
	Condition string
	Data      map[string]interface{}
}

type outcome struct {
	Result interface{} `json:"result,omitempty"`
	Error  string      `json:"error,omitempty"`
}

func render(text string, data interface{}) (string, error) {
	functions := sprig.TxtFuncMap()
	// Helm's own.
	functions["required"] = func(why string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, errors.New(why)
		}
		return value, nil
	}
	parsed, err := template.New("").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var written strings.Builder
	err = parsed.Execute(&written, data)
	return written.String(), err
}

func run(task task) (interface{}, error) {
	if task.Condition == "" {
		return render(task.Template, task.Data)
	}
	program, err := expr.Compile(task.Condition)
	if err != nil {
		return nil, err
	}
	return expr.Run(program, task.Data)
}

func main() {
	var tasks map[string]task
	if err := json.NewDecoder(os.Stdin).Decode(&tasks); err != nil {
		log.Fatal(err)
	}
	outcomes := map[string]outcome{}
	for name, task := range tasks {
		result, err := run(task)
		if err != nil {
			outcomes[name] = outcome{Error: err.Error()}
		} else {
			outcomes[name] = outcome{Result: result}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		log.Fatal(err)
	}
}
