# Wrong values are refused before anything is planned.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

run "values_outside_what_is_allowed" {
  command = plan

  variables {
    project               = "Forum_Microservices"
    environment           = "production-europe"
    aws_region            = "virginia"
    dynamodb_billing_mode = "ON_DEMAND"
    dynamodb_capacity     = { min = 10, max = 5 }
    image_tag             = "latest"
    ci                    = { repository = "owner/*" }
    cpu_architecture      = "arm"
    tasks                 = { min = 0 }
    domain_name           = "https://forum.example.com"
    cors_allowed_origins  = ["forum.example.com"]
    cache_ttl_seconds     = 0.5
    rate_limit            = { requests = 9 }
    egress                = "nat"
    audit                 = "reads"
    alarm_email           = "ops"
    monthly_budget        = 0
    availability_target   = 100

    dynamodb_on_demand_throughput = { read = 0 }
  }

  expect_failures = [
    var.project, var.environment, var.aws_region, var.dynamodb_billing_mode, var.dynamodb_capacity, var.image_tag,
    var.ci, var.cpu_architecture, var.tasks, var.domain_name, var.cors_allowed_origins, var.cache_ttl_seconds, var.rate_limit, var.egress, var.audit, var.alarm_email,
    var.monthly_budget, var.dynamodb_on_demand_throughput, var.availability_target,
  ]
}

run "values_that_contradict_each_other" {
  command = plan

  variables {
    aws_region           = "us-west-2"
    dr_region            = "us-west-2"
    enable_global_tables = false
    enable_dr_stack      = true
    tasks                = { dr_min = 20 }
    dynamodb_capacity    = { min = 0 }
    image_tag            = "with space"
    cors_allowed_origins = ["https://forum.example.com/path"]
    cache_ttl_seconds    = 3601
    rate_limit           = { requests = 100, writes = 101 }
    domain_name          = "forum.example.com."
  }

  expect_failures = [
    var.dr_region, var.enable_dr_stack, var.tasks, var.dynamodb_capacity, var.image_tag,
    var.cors_allowed_origins, var.cache_ttl_seconds, var.rate_limit, var.domain_name,
  ]
}

run "a_customer_key_in_one_region_only" {
  command = plan

  variables {
    kms_key_arns = { primary = "arn:aws:kms:us-east-1:123456789012:key/1234" }
  }

  expect_failures = [var.kms_key_arns]
}

run "a_customer_key_of_another_region" {
  command = plan

  variables {
    kms_key_arns = { primary = "arn:aws:kms:us-west-2:123456789012:key/1", dr = "arn:aws:kms:us-west-2:123456789012:key/2" }
  }

  expect_failures = [var.kms_key_arns]
}

run "a_lease_that_has_no_name" {
  command = plan

  variables {
    fence  = { table = "f", region = "Ohio" }
    egress = "public"
  }

  expect_failures = [var.fence]
}

run "a_lease_that_the_endpoints_do_not_reach" {
  command = plan

  variables {
    fence = { table = "fence", region = "us-east-2" }
  }

  expect_failures = [var.fence]
}

run "a_zone_without_a_domain" {
  command = plan

  variables {
    hosted_zone_id = "Z0123456789ABC"
  }

  expect_failures = [var.hosted_zone_id]
}

run "a_lock_that_is_none" {
  command = plan

  variables {
    backup_vault_lock = "strict"
  }

  expect_failures = [var.backup_vault_lock]
}

run "a_lock_that_destroy_could_not_lift" {
  command = plan

  variables {
    backup_vault_lock   = "compliance"
    deletion_protection = false
  }

  expect_failures = [var.backup_vault_lock]
}

run "clients_that_are_no_address_ranges" {
  command = plan

  variables {
    allowed_cidrs = ["203.0.113.0"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "everybody_in_disguise" {
  command = plan

  variables {
    allowed_cidrs = ["0.0.0.0/00"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "an_issuer_without_https" {
  command = plan

  variables {
    auth   = { issuer = "http://issuer.example.com", audience = "forum" }
    egress = "public"
  }

  expect_failures = [var.auth]
}

run "everybody_without_identity_by_default" {
  command = plan

  variables {
    domain_name = "forum.example.com"
  }

  expect_failures = [var.allowed_cidrs]
}

run "everybody_without_identity" {
  command = plan

  variables {
    domain_name   = "forum.example.com"
    allowed_cidrs = ["203.0.113.0/24", "::/0"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "services_without_identity_that_nobody_decided_on" {
  command = plan

  variables {
    image_tag = "v1"
  }

  expect_failures = [var.allowed_cidrs]
}

run "everybody_by_plain_http" {
  command = plan

  variables {
    auth          = { issuer = "https://issuer.example.com", audience = "forum" }
    egress        = "public"
    allowed_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "identity_without_an_audience" {
  command = plan

  variables {
    auth   = { issuer = "https://issuer.example.com" }
    egress = "public"
  }

  expect_failures = [var.auth]
}

run "identity_with_names_that_are_empty" {
  command = plan

  variables {
    auth   = { issuer = "https://issuer.example.com", audience = "forum", admin_role = "" }
    egress = "public"
  }

  expect_failures = [var.auth]
}

run "identity_with_an_audience_that_is_empty" {
  command = plan

  variables {
    auth   = { issuer = "https://issuer.example.com", audience = " " }
    egress = "public"
  }

  expect_failures = [var.auth]
}

run "identity_whose_keys_are_out_of_reach" {
  command = plan

  variables {
    auth = { issuer = "https://issuer.example.com", audience = "forum" }
  }

  expect_failures = [var.auth]
}

run "everybody_with_identity" {
  command = plan

  variables {
    image_tag   = "v1"
    domain_name = "forum.example.com"
    auth        = { issuer = "https://issuer.example.com", client_ids = ["web"] }
    egress      = "public"
  }

  assert {
    condition     = join(" ", local.clients) == "0.0.0.0/0 ::/0"
    error_message = "A domain with identity is for everybody."
  }

  assert {
    condition     = local.stack.auth_environment == tomap({ AUTH_ISSUER = "https://issuer.example.com", AUTH_CLIENT_IDS = "web" })
    error_message = "What is not set is not passed: the services have defaults."
  }
}

run "identity_with_names_of_its_own" {
  command = plan

  variables {
    egress = "public"
    auth = {
      issuer         = "https://id.example.com/realms/forum"
      audience       = "forum"
      client_ids     = ["web", "app"]
      roles_claim    = "/realm_access/roles"
      moderator_role = "forum-moderator"
      admin_role     = "forum-admin"
      user_id_claim  = "forum_id"
    }
  }

  assert {
    condition = local.stack.auth_environment == tomap({
      AUTH_ISSUER         = "https://id.example.com/realms/forum"
      AUTH_AUDIENCE       = "forum"
      AUTH_CLIENT_IDS     = "web,app"
      AUTH_ROLES_CLAIM    = "/realm_access/roles"
      AUTH_MODERATOR_ROLE = "forum-moderator"
      AUTH_ADMIN_ROLE     = "forum-admin"
      AUTH_USER_ID_CLAIM  = "forum_id"
    })
    error_message = "The services read these variables."
  }
}

run "listed_addresses_without_identity" {
  command = plan

  variables {
    image_tag     = "v1"
    allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = local.stack.auth_environment == tomap({ AUTH = "off" })
    error_message = "Services that others can reach do not start unless told who may write."
  }
}

run "graviton_by_default" {
  command = plan

  assert {
    condition     = local.stack.cpu_architecture == "ARM64"
    error_message = "Graviton does the same for a fifth less."
  }
}

run "nobody_without_a_domain_by_default" {
  command = plan

  variables {
    image_tag = "v1"
    auth      = { issuer = "https://issuer.example.com", audience = "forum" }
    egress    = "public"
  }

  assert {
    condition     = length(local.clients) == 0
    error_message = "Without a domain nobody reaches the load balancers unless listed."
  }
}
