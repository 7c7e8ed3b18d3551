locals {
  tables   = jsondecode(file("${path.module}/tables.json")).tables
  dr_stack = coalesce(var.enable_dr_stack, var.enable_global_tables)
  https    = var.domain_name != null
  dr_tasks = coalesce(var.tasks.dr_min, var.environment == "prod" ? var.tasks.min : 1)
  clients  = var.allowed_cidrs != null ? var.allowed_cidrs : local.https ? ["0.0.0.0/0", "::/0"] : []

  # The services that run apart: where each listens, and its paths.
  parts = {
    users   = { port = 3001, paths = ["/api/users*", "/api/reports*", "/api/moderation*"] }
    threads = { port = 3002, paths = ["/api/threads*"] }
    posts   = { port = 3003, paths = ["/api/posts*"] }
  }

  # Which task may do what on which table. An index in the list grants Query on that index and nothing else.
  access_of_programs = {
    users = {
      users = { actions = ["GetItem", "BatchGetItem", "Scan", "PutItem", "UpdateItem", "DeleteItem"], indexes = ["EmailIndex"] }
      # What a user wrote: exported and erased with the profile. A thread in which others posted is emptied instead. Moderators change both.
      threads = { actions = ["GetItem", "UpdateItem", "DeleteItem"], indexes = ["UserIndex"] }
      posts   = { actions = ["Query", "UpdateItem", "DeleteItem"], indexes = ["ThreadIndex", "UserIndex"] }
      reports = { actions = ["GetItem", "Scan", "PutItem", "UpdateItem", "DeleteItem"], indexes = ["QueueIndex"] }
      # It only grows: nobody can change or remove an entry.
      modlog = { actions = ["GetItem", "PutItem"], indexes = ["LogIndex", "TargetIndex"] }
    }
    threads = {
      threads = { actions = ["GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"], indexes = ["ActivityIndex", "CreatedAtIndex", "PinnedIndex", "UserIndex"] }
      users   = { actions = ["GetItem"], indexes = [] }                 # who opens a thread
      posts   = { actions = ["DeleteItem"], indexes = ["ThreadIndex"] } # deleting a thread with its posts
    }
    posts = {
      posts   = { actions = ["GetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem"], indexes = ["ThreadIndex", "UserIndex"] }
      threads = { actions = ["GetItem", "BatchGetItem", "UpdateItem"], indexes = [] } # where a post belongs, and what it has
      users   = { actions = ["GetItem", "BatchGetItem"], indexes = [] }               # who writes it
    }
    forum = { for table, schema in local.tables : table => { # the one-off operator task
      actions = [
        "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem", "ConditionCheckItem",
        "DescribeTable", "DescribeContinuousBackups", "DescribeTimeToLive", "ListTagsOfResource",
      ]
      indexes = keys(schema.indexes)
    } }
  }

  # What the programs do on the lease: services read it, and those of the Region that writes renew it; operators also change it.
  fence_actions = { for task in keys(local.access) : task => concat(["GetItem", "UpdateItem"], task == "forum" ? ["PutItem"] : []) }

  health_checks = local.https ? module.dns[0].health_checks : {}

  # What both Regions have in common.
  stack = {
    project             = var.project
    environment         = var.environment
    compute             = var.compute
    services            = local.services
    images              = local.images
    access              = local.access
    fence               = var.fence == null ? null : { table = var.fence.table, region = var.fence.region, actions = local.fence_actions }
    table_names         = module.tables.names
    table_indexes       = module.tables.indexes
    table_environment   = module.tables.environment
    image_tag           = local.lambda ? null : var.image_tag
    lambda_zip          = var.lambda_zip
    lambda              = var.lambda
    cpu_architecture    = var.cpu_architecture
    clients             = local.clients
    auth_environment    = local.auth_environment
    page                = local.page
    cors_origins        = var.cors_allowed_origins
    cache_ttl_seconds   = var.cache_ttl_seconds
    rate_limit          = var.rate_limit
    egress              = local.egress
    domain_name         = var.domain_name
    https               = local.https
    alarm_email         = var.alarm_email
    availability_target = local.availability_target
    deletion_protection = var.deletion_protection
  }
}

module "tables" {
  source    = "./modules/tables"
  providers = { aws = aws, aws.dr = aws.dr }

  tables                 = local.tables
  project                = var.project
  environment            = var.environment
  replica_region         = var.enable_global_tables ? var.dr_region : null
  billing_mode           = var.dynamodb_billing_mode
  capacity               = var.dynamodb_capacity
  on_demand_throughput   = var.dynamodb_on_demand_throughput
  point_in_time_recovery = var.dynamodb_point_in_time_recovery
  deletion_protection    = var.deletion_protection
  kms_key_arns           = var.kms_key_arns
}

module "backup" {
  source    = "./modules/backup"
  providers = { aws = aws, aws.dr = aws.dr }

  name                   = "${var.project}-${var.environment}"
  table_arns             = module.tables.arns
  copy_to_dr             = var.enable_global_tables
  manage_region_settings = var.manage_backup_region_settings
  vault_lock             = var.backup_vault_lock
  force_destroy          = !var.deletion_protection
}

module "primary" {
  source = "./modules/region"

  stack           = local.stack
  region          = var.aws_region
  peer_region     = var.enable_global_tables ? var.dr_region : null
  replicate_to    = local.dr_stack && !local.lambda ? var.dr_region : null
  cidr            = "10.20.0.0/16"
  tasks           = { min = var.tasks.min, max = var.tasks.max }
  kms_key_arn     = try(var.kms_key_arns.primary, null)
  backup_vault    = module.backup.vault_name
  certificate_arn = local.https ? module.dns[0].certificate_arns.primary : null
  health_checks   = local.health_checks
  page_key_arn    = local.page_key_arns.primary
  page_key        = local.lambda ? one(aws_secretsmanager_secret_version.page_key[*].secret_string) : null
  writes          = true
}

module "dr" {
  source    = "./modules/region"
  for_each  = local.dr_stack ? { dr = true } : {}
  providers = { aws = aws.dr }

  stack           = local.stack
  region          = var.dr_region
  peer_region     = var.aws_region
  suffix          = "-dr"
  cidr            = "10.21.0.0/16"
  tasks           = { min = local.dr_tasks, max = var.tasks.max }
  kms_key_arn     = try(var.kms_key_arns.dr, null)
  certificate_arn = local.https ? module.dns[0].certificate_arns.dr : null
  health_checks   = local.health_checks
  page_key_arn    = local.page_key_arns.dr
  page_key        = local.lambda ? one(aws_secretsmanager_secret_version.page_key[*].secret_string) : null
  writes          = false
}

module "dns" {
  source    = "./modules/dns"
  count     = local.https ? 1 : 0
  providers = { aws = aws, aws.dr = aws.dr }

  domain_name    = var.domain_name
  hosted_zone_id = var.hosted_zone_id
  ipv6           = !local.lambda && anytrue([for cidr in local.clients : strcontains(cidr, ":")])
  serving        = { primary = local.serving, dr = local.serving && local.dr_stack }
  primary        = module.primary.edge
  dr             = local.dr_stack ? module.dr["dr"].edge : null
  fenced         = var.fence != null
}

module "ci_role" {
  source = "./modules/ci_role"
  count  = var.ci == null ? 0 : 1

  name            = "${var.project}-${var.environment}-ci"
  repository      = var.ci.repository
  branch          = var.ci.branch
  create_provider = var.ci.create_provider
  repository_arns = module.primary.repository_arns
}

module "audit" {
  source = "./modules/audit"
  count  = var.audit == "none" ? 0 : 1

  name          = "${var.project}-${var.environment}"
  table_arns    = concat(values(module.tables.arns), values(module.tables.replica_arns))
  reads         = var.audit == "all"
  force_destroy = !var.deletion_protection
}

# Of the whole account: costs by tag are known only once somebody has activated the tags for billing, by hand. AWS knows a day's costs
# about a day later, so this is no brake; dynamodb_on_demand_throughput, tasks.max and rate_limit are.
resource "aws_budgets_budget" "month" {
  count = var.alarm_email == null || var.monthly_budget == null ? 0 : 1

  name         = "${var.project}-${var.environment}"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_budget)
  limit_unit   = "USD"

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type          = notification.key
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = [var.alarm_email]
    }
  }
}
