# What runs, by var.compute.

locals {
  egress  = coalesce(var.egress, var.compute == "ecs" ? "endpoints" : "public")
  lambda  = var.compute == "lambda"
  serving = local.lambda ? var.lambda_zip != null : var.image_tag != null

  # A function's bill is so small that these alarms would double it.
  availability_target = var.availability_target == null ? (local.lambda ? null : 99.9) : var.availability_target == 0 ? null : var.availability_target

  # Programs, each with a role. The operator's tool runs as a task beside services.
  programs = { ecs = concat(keys(local.parts), ["forum"]), ecs-one = ["all", "forum"], lambda = ["all"] }[var.compute]
  images   = { ecs = concat(keys(local.parts), ["forum"]), ecs-one = ["forum"], lambda = [] }[var.compute]

  services = { for name, service in merge(
    { for name, part in local.parts : name => { port = part.port, image = name, command = null, healthcheck = ["service", "healthcheck"], paths = part.paths } },
    { all = { port = 8080, image = "forum", command = ["serve"], healthcheck = ["forum", "serve", "healthcheck"], paths = ["/api/*", "/docs*", "/openapi.json"] } },
  ) : name => service if contains(local.programs, name) }

  access = { for program, tables in merge(local.access_of_programs, { all = local.access_of_all }) : program => tables if contains(local.programs, program) }

  # One process with all routes may do what the services may.
  access_of_all = { for table in keys(local.tables) : table => {
    actions = distinct(flatten([for service in keys(local.parts) : try(local.access_of_programs[service][table].actions, [])]))
    indexes = distinct(flatten([for service in keys(local.parts) : try(local.access_of_programs[service][table].indexes, [])]))
  } }
}
