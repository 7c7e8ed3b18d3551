locals {
  name       = "${var.stack.project}-${var.stack.environment}"
  log_groups = "/ecs/${local.name}"
  lambda     = var.stack.compute == "lambda"
  containers = var.stack.image_tag != null
  function   = local.lambda && var.stack.lambda_zip != null
  serving    = local.containers || local.function

  # Of a function; a task reads the key from its secret.
  page_environment = merge([for page in var.stack.page[*] : merge(page.environment, { WEB_COOKIE_KEY = var.page_key })]...)

  fence_environment = var.stack.fence == null ? {} : merge(
    { FENCE_TABLE = var.stack.fence.table },
    var.stack.fence.region == null ? {} : { FENCE_REGION = var.stack.fence.region },
  )
}

module "registry" {
  source = "../registry"

  name         = local.name
  images       = var.stack.images
  replicate_to = var.replicate_to
  force_delete = !var.stack.deletion_protection
}

module "roles" {
  source = "../roles"

  project         = var.stack.project
  environment     = var.stack.environment
  suffix          = var.suffix
  region          = var.region
  access          = var.stack.access
  fence           = var.stack.fence
  table_names     = var.stack.table_names
  kms_key_arn     = var.kms_key_arn
  repository_arns = values(module.registry.arns)
  page_key_arn    = var.page_key_arn
  lambda          = local.lambda
  log_groups      = local.lambda ? "/aws/lambda" : local.log_groups
}

module "network" {
  source = "../network"
  count  = local.containers ? 1 : 0

  name          = local.name
  suffix        = var.suffix
  region        = var.region
  cidr          = var.cidr
  egress        = var.stack.egress
  https         = var.stack.https
  clients       = var.stack.clients
  service_ports = { for service, settings in var.stack.services : service => settings.port }
  table_access  = module.roles.table_access
}

module "app" {
  source = "../app"
  count  = local.containers ? 1 : 0

  name                = local.name
  region              = var.region
  services            = var.stack.services
  images              = { for image, url in module.registry.urls : image => "${url}:${var.stack.image_tag}" }
  cpu_architecture    = var.stack.cpu_architecture
  tasks               = var.tasks
  task_role_arns      = module.roles.task_role_arns
  execution_role_arn  = module.roles.execution_role_arn
  log_groups          = local.log_groups
  table_environment   = merge(var.stack.table_environment, local.fence_environment)
  auth_environment    = var.stack.auth_environment
  page                = one([for page in var.stack.page[*] : { service = page.service, environment = page.environment, key_arn = var.page_key_arn }])
  cors_origins        = var.stack.cors_origins
  cache_ttl_seconds   = var.stack.cache_ttl_seconds
  rate_limit          = var.stack.rate_limit
  network             = module.network[0]
  https               = var.stack.https
  certificate_arn     = var.certificate_arn
  rollback_alarms     = module.alarms.error_alarms
  deletion_protection = var.stack.deletion_protection
}

module "function" {
  source = "../function"
  count  = local.function ? 1 : 0

  name              = local.name
  region            = var.region
  zip               = var.stack.lambda_zip
  cpu_architecture  = var.stack.cpu_architecture
  limits            = var.stack.lambda
  role_arn          = module.roles.task_role_arns.all
  environment       = merge(var.stack.table_environment, local.fence_environment, var.stack.auth_environment, local.page_environment)
  cors_origins      = var.stack.cors_origins
  cache_ttl_seconds = var.stack.cache_ttl_seconds
  awake             = var.stack.fence != null
  domain_name       = var.stack.domain_name
  certificate_arn   = var.certificate_arn
}

module "alarms" {
  source = "../alarms"

  name                = local.name
  region              = var.region
  peer_region         = var.peer_region
  table_names         = var.stack.table_names
  table_indexes       = var.stack.table_indexes
  load_balancer       = local.containers ? module.app[0].load_balancer : null
  api                 = local.function ? module.function[0].api : null
  log_groups          = flatten([module.app[*].log_groups, module.function[*].log_groups])
  writes              = var.stack.fence == null || !local.serving ? null : var.writes
  availability_target = var.stack.availability_target
  health_checks       = var.region == "us-east-1" ? var.health_checks : {}
  backup_vault        = var.backup_vault
  email               = var.stack.alarm_email
}
