module Shop.Order where

import Data.List

-- | Pays.
pay :: Int -> Bool
pay 0 = False
pay n = True

data Order = Order
  { orderId :: Int
  } deriving (Show)

newtype Money = Money Int

type Handler = Int -> IO ()

class Payable a where
  total :: a -> Int

instance Payable Order where
  total _ = 1

limit = 3
