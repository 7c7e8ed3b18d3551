// Serves PocketBase with one collection, users, which anybody may read and add to, and whose e-mail address is unique. It is filled from
// BENCH_FILE, the file that json-server serves.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

func main() {
	app := pocketbase.New()
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		// It would open a browser.
		e.InstallerFunc = nil
		if err := fill(e.App, os.Getenv("BENCH_FILE")); err != nil {
			return err
		}
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

func fill(app core.App, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var forum struct {
		Users []map[string]any `json:"users"`
	}
	if err := json.Unmarshal(text, &forum); err != nil {
		return err
	}
	// No variant logs requests.
	app.Settings().Logs.MaxDays = 0
	if err := app.Save(app.Settings()); err != nil {
		return err
	}
	// What comes with it under that name has passwords.
	if builtIn, err := app.FindCollectionByNameOrId("users"); err == nil {
		if err := app.Delete(builtIn); err != nil {
			return err
		}
	}
	users := core.NewBaseCollection("users")
	users.ViewRule = types.Pointer("")
	users.CreateRule = types.Pointer("")
	if id, ok := users.Fields.GetByName("id").(*core.TextField); ok {
		id.Min, id.Max, id.Pattern = 1, 64, "^[A-Za-z0-9_-]+$"
	}
	users.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 100},
		&core.EmailField{Name: "email", Required: true},
		&core.TextField{Name: "bio", Max: 2000},
		&core.AutodateField{Name: "createdAt", OnCreate: true},
		&core.AutodateField{Name: "updatedAt", OnCreate: true, OnUpdate: true},
	)
	users.AddIndex("users_email", true, "email", "")
	if err := app.Save(users); err != nil {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		for _, user := range forum.Users {
			record := core.NewRecord(users)
			for _, name := range []string{"id", "name", "email", "bio"} {
				record.Set(name, user[name])
			}
			if err := tx.Save(record); err != nil {
				return err
			}
		}
		return nil
	})
}
