# What runs, by var.compute.

locals {
  egress  = coalesce(var.egress, var.compute == "ecs" ? "endpoints" : "public")
  lambda  = var.compute == "lambda"
  serving = local.lambda ? var.lambda_zip != null : var.image_tag != null

  # A function's bill is so small that these alarms would double it.
  availability_target = var.availability_target == null ? (local.lambda ? null : 99.9) : var.availability_target == 0 ? null : var.availability_target

  # Programs, each with a role. The operator's tool runs as a task beside services.
  programs = { ecs = ["users", "threads", "posts", "forum"], ecs-one = ["all", "forum"], lambda = ["all"] }[var.compute]
  images   = { ecs = ["users", "threads", "posts", "forum"], ecs-one = ["forum"], lambda = [] }[var.compute]

  services = { for name, service in {
    users   = { port = 3001, image = "users", command = null, healthcheck = ["users-svc", "healthcheck"], paths = ["/api/users*", "/api/reports*", "/api/moderation*"] }
    threads = { port = 3002, image = "threads", command = null, healthcheck = ["threads-svc", "healthcheck"], paths = ["/api/threads*"] }
    posts   = { port = 3003, image = "posts", command = null, healthcheck = ["posts-svc", "healthcheck"], paths = ["/api/posts*"] }
    all     = { port = 8080, image = "forum", command = ["serve"], healthcheck = ["forum", "serve", "healthcheck"], paths = ["/api/*", "/docs*", "/openapi.json"] }
  } : name => service if contains(local.programs, name) }

  access = { for program, tables in merge(local.access_of_programs, { all = local.access_of_all }) : program => tables if contains(local.programs, program) }

  # One process with all routes may do what the services may.
  access_of_all = { for table in keys(local.tables) : table => {
    actions = distinct(flatten([for service in ["users", "threads", "posts"] : try(local.access_of_programs[service][table].actions, [])]))
    indexes = distinct(flatten([for service in ["users", "threads", "posts"] : try(local.access_of_programs[service][table].indexes, [])]))
  } }
}
