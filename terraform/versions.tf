terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # State is a local file until this block is uncommented and `terraform init -migrate-state` is run; see docs/deployment.md.
  # backend "s3" {
  #   bucket       = "forum-microservices-terraform-state-<account id>"
  #   key          = "forum-microservices/dev.tfstate"
  #   region       = "us-east-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}
